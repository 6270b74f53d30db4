"""Whether a manifest agrees with itself, and with the images that it describes. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from whisklab.bundle import tar
from whisklab.bundle.manifest import IMAGE, Item, Manifest, Need, owners, titled
from whisklab.errors import WhisklabError
from whisklab.images.manifests import Index, parse

Document = Callable[[str], bytes | None]  # name of a file of the archive to its bytes
_BUILD = "build the bundle again"
_NAME = "io.containerd.image.name"


def problems(manifest: Manifest, document: Document) -> list[str]:
    """Return what does not agree; sentences.

    Args:
        manifest: of a bundle.
        document: returns a small file of it, None for one that is not there.
    """
    return [
        *_needs(manifest),
        *_blobs(manifest),
        *_named(manifest, document),
        *(line for each in manifest.items if each.kind == IMAGE
          for line in _image(manifest, each, document)),
    ]  # fmt: skip


def _needs(manifest: Manifest) -> Iterator[str]:
    for need in manifest.needs:
        lacking = [each for each in need.architectures if not _has(manifest, need, each)]
        if lacking:
            yield (
                f"{need}: {manifest.environment} needs it for {', '.join(lacking)}, and the bundle "
                f"has it not: {_BUILD}"
            )
    for item in manifest.items:
        if not any(_is(each, item) for each in manifest.needs):
            yield f"{item}: is in the bundle, and nothing needs it: {_BUILD}"
    for key, count in Counter(each.key for each in manifest.items).items():
        if count > 1:
            yield f"{' '.join(key)}: is in the manifest {count} times: {_BUILD}"


def _has(manifest: Manifest, need: Need, architecture: str) -> bool:
    return any(_is(need, each) and architecture in each.architectures for each in manifest.items)


def _is(need: Need, item: Item) -> bool:
    return (need.kind, need.name, need.version) == (item.kind, item.name, item.version)


def _blobs(manifest: Manifest) -> Iterator[str]:
    sizes, used = manifest.sizes, owners(manifest.items)
    for item in manifest.items:
        lacking = [each for each in item.parts if each not in sizes]
        for part in lacking:
            yield f"{item}: its blob sha256:{part} is not in the manifest: {_BUILD}"
        if item.sha256 not in item.parts:
            yield f"{item}: sha256:{item.sha256} is none of its parts: {_BUILD}"
        total = sum(sizes[each] for each in item.parts if each in sizes)
        if not lacking and total != item.size:
            yield f"{item}: its parts have {total} bytes, and it says {item.size}: {_BUILD}"
    for sha256 in sizes:
        if sha256 not in used:
            yield f"sha256:{sha256}: is in the bundle, and no item has it: {_BUILD}"
    for sha256 in manifest.absent:
        if sha256 not in sizes:
            yield f"sha256:{sha256}: is left to an earlier bundle, and no item has it: {_BUILD}"
    if manifest.absent and not manifest.since:
        yield f"{tar.MANIFEST}: blobs are left to an earlier bundle that it does not name: {_BUILD}"


def _named(manifest: Manifest, document: Document) -> Iterator[str]:
    """Compare the names of the OCI layout with the items: each leads to the other."""
    for name in (tar.LAYOUT, tar.INDEX):
        if tar.document(manifest, name) is None:
            yield f"{name}: is not in the manifest, so the bundle is no OCI layout: {_BUILD}"
            return
    data = document(tar.INDEX)
    if data is None:
        return  # that it is not there was said
    try:
        index = parse(tar.INDEX, data)
    except WhisklabError as error:
        yield str(error)
        return
    entries = index.entries if isinstance(index, Index) else ()
    there = {(each.annotation(_NAME), each.digest) for each in entries}
    wanted = {
        (titled(each.name, each.version).replace(" ", ":", 1), f"sha256:{each.sha256}")
        for each in manifest.items
        if each.kind == IMAGE
    }
    for name, digest in sorted(wanted - there):
        yield f"{name}: {tar.INDEX} does not lead to it ({digest}): {_BUILD}"
    for name, digest in sorted(there - wanted):
        yield f"{name}: {tar.INDEX} names it ({digest}), and no item does: {_BUILD}"


def _image(manifest: Manifest, item: Item, document: Document) -> Iterator[str]:
    """Walk from an image's name to all that its manifests name."""
    absent = set(manifest.absent)
    reached, ahead = _original(item), [f"sha256:{item.sha256}"]
    whole = True
    for sha256 in reached - set(item.parts):
        yield f"{item}: its index of upstream, sha256:{sha256}, is none of its parts: {_BUILD}"
    while ahead:
        sha256 = ahead.pop().removeprefix("sha256:")
        reached.add(sha256)
        data = document(tar.BLOBS + sha256)
        if data is None:
            whole = False
            if sha256 not in absent and sha256 not in manifest.sizes:
                yield f"{item}: its manifest sha256:{sha256} is not in the bundle: {_BUILD}"
            continue
        try:
            found = parse(f"{item}: sha256:{sha256}", data)
        except WhisklabError as error:
            yield str(error)
            return
        if isinstance(found, Index):
            ahead += [each.digest for each in found.entries]
            continue
        blobs = {each.digest.removeprefix("sha256:"): each.size for each in found.blobs}
        reached |= set(blobs)
        yield from _layers(manifest, item, blobs)
    if whole:
        for sha256 in sorted(set(item.parts) - reached):
            yield f"{item}: sha256:{sha256} is one of its parts, and no manifest names it: {_BUILD}"


def _original(item: Item) -> set[str]:
    """Return the SHA-256 of the index as it is upstream, of which only some may be carried."""
    return {item.upstream.removeprefix("sha256:")} if item.upstream else set()


def _layers(manifest: Manifest, item: Item, blobs: dict[str, int]) -> Iterator[str]:
    sizes = manifest.sizes
    for sha256, size in blobs.items():
        if sha256 not in item.parts or sha256 not in sizes:
            yield f"{item}: its layer sha256:{sha256} is not in the bundle: {_BUILD}"
        elif sizes[sha256] != size:
            yield (
                f"{item}: its layer sha256:{sha256} has {sizes[sha256]} bytes, and its manifest "
                f"says {size}: {_BUILD}"
            )
