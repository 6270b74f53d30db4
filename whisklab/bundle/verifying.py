"""Whether a bundle is whole, unchanged, and what an environment needs."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from whisklab.bundle import consistency, keys, packages, reading, simulation, tar
from whisklab.bundle.contents import Contents, version
from whisklab.bundle.image_lock import ImageLock
from whisklab.bundle.manifest import IMAGE, Item, Manifest, Need, owners, read
from whisklab.bundle.packages import Chosen
from whisklab.bundle.scan import Scan
from whisklab.bundle.volume import Volume
from whisklab.engine.artifacts.downloads import Report
from whisklab.engine.debian.closure import Unsatisfied
from whisklab.engine.debian.lock import PackageLock


@dataclass(frozen=True)
class Verdict:
    """What was found.

    Attributes:
        manifest: of the bundle; None where it cannot be trusted.
        problems: sentences; none if the bundle is right.
    """

    manifest: Manifest | None
    problems: list[str]


def verify(volume: Volume, key: Ed25519PublicKey, report: Report, *, blobs: bool) -> Verdict:
    """Return what is wrong with a bundle.

    Args:
        volume: the bundle.
        key: of who may have built it.
        report: hears of the progress.
        blobs: also compare the bytes of all blobs, for which the whole bundle is read.

    Raises:
        BadInput: it is no bundle.
    """
    head = reading.head(volume)
    why = keys.wrong(key, head.text, head.signature)
    if why is not None:
        return Verdict(None, [f"{volume.label}: its signature ({tar.SIGNATURE}) {why}"])
    manifest = read(head.text, f"{volume.label}: {tar.MANIFEST}")
    wanted = tar.entries(manifest, len(head.text), len(head.signature))
    digests = {each.name: each.sha256 for each in manifest.documents}
    if blobs:
        digests |= {tar.BLOBS + each.sha256: each.sha256 for each in manifest.present}
    scan = Scan(volume, wanted, digests, _titles(manifest), report)
    scan.run()
    if scan.problems:  # what is damaged says nothing of itself
        return Verdict(manifest, scan.problems)
    document = _documents(scan)
    found = consistency.problems(manifest, document) or simulation.problems(manifest, document)
    return Verdict(manifest, [*scan.problems, *found])


def _documents(scan: Scan) -> consistency.Document:
    """Return what reads manifests of images, each compared with its digest."""

    def document(name: str) -> bytes | None:
        data, sha256 = scan.content(name), name.removeprefix(tar.BLOBS)
        if data is None or sha256 == name or hashlib.sha256(data).hexdigest() == sha256:
            return data
        scan.problems.append(
            f"{scan.titles.get(name, name)}: its bytes are damaged: copy the bundle again"
        )
        return None

    return document


def _titles(manifest: Manifest) -> Mapping[str, str]:
    used = owners(manifest.items)
    titles = {}
    for each in manifest.blobs:
        names = used.get(each.sha256, [])
        more = f" and {len(names) - 1} more" if len(names) > 1 else ""
        title = f"{names[0]}{more}" if names else "a blob"
        titles[tar.BLOBS + each.sha256] = f"{title} (sha256:{each.sha256})"
    return titles


def unmet(
    manifest: Manifest, wanted: Contents, lock: ImageLock, package_lock: PackageLock
) -> list[str]:
    """Return what an environment needs now and a bundle has not, or has otherwise; sentences.

    Args:
        manifest: of the bundle.
        wanted: what the environment needs.
        lock: of the images.
        package_lock: of the packages.
    """
    try:
        chosen = packages.of_lock(wanted.packages, package_lock)
    except Unsatisfied as error:
        return [
            f"{each}, and {package_lock.path} has it not: it is older than the settings, build the "
            "bundle again"
            for each in error.missing
        ]
    items = {each.key: each for each in manifest.items}
    return [
        *(
            line
            for need in (*wanted.needs, *(each.need for each in chosen))
            for line in _lacking(manifest, need)
        ),
        *_other_packages(chosen, items, package_lock),
        *_other_files(wanted, items),
        *_other_images(wanted, items, lock),
    ]


def _lacking(manifest: Manifest, need: Need) -> Iterator[str]:
    there = {
        architecture
        for each in manifest.items
        if (each.kind, each.name, each.version) == (need.kind, need.name, need.version)
        for architecture in each.architectures
    }
    lacking = [each for each in need.architectures if each not in there]
    if lacking:
        yield (
            f"{need}: the environment needs it for {', '.join(lacking)}, and the bundle has it "
            "not: it is older than the settings, build it again"
        )


def _other_files(wanted: Contents, items: Mapping[tuple[str, ...], Item]) -> Iterator[str]:
    for each in wanted.files:
        need = each.need
        item = items.get((need.kind, need.name, need.version, each.architecture))
        if item and item.sha256 != each.artifact.source.sha256:
            yield (
                f"{item}: has the SHA-256 {item.sha256}, and {each.catalogue.lock_path} says "
                f"{each.artifact.source.sha256}: the bundle is of another lock, build it again"
            )


def _other_packages(
    chosen: Sequence[Chosen], items: Mapping[tuple[str, ...], Item], lock: PackageLock
) -> Iterator[str]:
    for each in chosen:
        item = items.get(each.item.key)
        if item and item.sha256 != each.package.sha256:
            yield (
                f"{item}: has the SHA-256 {item.sha256}, and {lock.path} says "
                f"{each.package.sha256}: the bundle is of another lock, build it again"
            )


def _other_images(
    wanted: Contents, items: Mapping[tuple[str, ...], Item], lock: ImageLock
) -> Iterator[str]:
    for each in wanted.images:
        name = each.name
        digest = name.digest or lock.digest(str(name))
        item = items.get((IMAGE, f"{name.registry}/{name.repository}", version(name)))
        if item and digest and digest not in (item.upstream, f"sha256:{item.sha256}"):
            yield (
                f"{item}: is {item.upstream or f'sha256:{item.sha256}'}, and {lock.path} says "
                f"{digest}: the bundle is of another lock, build it again"
            )
