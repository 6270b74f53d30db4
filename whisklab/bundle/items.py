"""The items of a bundle and the files of their blobs, of what was fetched."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlparse

from whisklab.bundle import layout, pulling
from whisklab.bundle.contents import Contents, File, OwnChart, version
from whisklab.bundle.manifest import CHART, FILE, IMAGE, UNKNOWN, Blob, Item
from whisklab.bundle.older import Older
from whisklab.bundle.package_source import PackageSource
from whisklab.bundle.packages import Chosen
from whisklab.bundle.packing import packed
from whisklab.bundle.pulling import Pulled
from whisklab.bundle.tooling import Tool
from whisklab.bundle.upstream import Upstream
from whisklab.engine.artifacts.downloads import Report
from whisklab.engine.artifacts.entries import ANY
from whisklab.engine.artifacts.fetching import fetch
from whisklab.engine.cache import cached
from whisklab.errors import WhisklabError
from whisklab.images.manifests import Index

# Artifacts that hold the work of others, each with a licence of its own.
_OF_OTHERS = ("images", "airgap-images", "npm-cache")
Content = Path | bytes


@dataclass
class Collected:
    """What a bundle holds.

    Attributes:
        items: of its manifest.
        contents: SHA-256 of each blob to its file, or its bytes where these are few.
        index: the index of its OCI layout.
        documents: further files of the archive, by their names.
    """

    items: list[Item] = field(default_factory=list)
    contents: dict[str, Content] = field(default_factory=dict)
    index: bytes = b""
    documents: dict[str, bytes] = field(default_factory=dict)

    @property
    def blobs(self) -> list[Blob]:
        """All blobs in their order."""
        return [
            Blob(sha256=sha256, size=size(self.contents[sha256]))
            for sha256 in sorted(self.contents)
        ]


@dataclass(frozen=True)
class Sources:
    """Where a bundle's images and packages come from."""

    upstream: Upstream
    packages: PackageSource


def size(content: Content) -> int:
    """Return the bytes of a blob."""
    return len(content) if isinstance(content, bytes) else content.stat().st_size


def files(wanted: Iterable[File], older: Older, report: Report) -> Collected:
    """Return the files of the catalogue, fetched where they lack.

    Raises:
        WhisklabError: some cannot be had; a line for each.
    """
    found, wrong = Collected(), []
    for each in wanted:
        report(f"{each.artifact} for {each.architecture}")
        try:
            _bring(each, older)
            path = fetch(each.artifact, report)
        except WhisklabError as error:
            wrong.append(str(error))
            continue
        sha256 = each.artifact.source.sha256
        found.contents[sha256] = path
        found.items.append(_file(each, sha256, size(path)))
    if wrong:
        raise WhisklabError("\n".join(wrong))
    return found


def _bring(wanted: File, older: Older) -> None:
    source = wanted.artifact.source
    if urlparse(source.url).scheme != "file":
        older.bring(source.sha256, cached(source.sha256, wanted.artifact.file_name))


def _file(wanted: File, sha256: str, bytes_: int) -> Item:
    artifact, url = wanted.artifact, wanted.artifact.source.url
    licence = None if wanted.name in _OF_OTHERS else wanted.catalogue.licence(artifact.product)
    # Where a file lay on this laptop is nobody's business, and differs on each.
    is_local = urlparse(url).scheme == "file"
    return Item(
        kind=FILE,
        name=wanted.need.name,
        version=artifact.version,
        architectures=[wanted.architecture],
        file=artifact.file_name,
        size=bytes_,
        sha256=sha256,
        source=f"file:{artifact.file_name}" if is_local else url,
        licence=licence or UNKNOWN,
        parts=[sha256],
    )


def charts(wanted: Iterable[OwnChart]) -> Collected:
    """Return the user's own charts, packed."""
    found = Collected()
    for each in wanted:
        sha256, path = packed(each.chart)
        need = each.need
        found.contents[sha256] = path
        found.items.append(
            Item(
                kind=CHART,
                name=need.name,
                version=need.version,
                architectures=[ANY],
                file=f"{each.name}-{need.version}" + _suffix(each),
                size=size(path),
                sha256=sha256,
                source=f"releases[{each.name}]",
                licence=UNKNOWN,
                parts=[sha256],
                users=[f"release {each.name}"],
            )
        )
    return found


def _suffix(own: OwnChart) -> str:
    return ".tar" if own.chart.path is not None and own.chart.path.is_dir() else ".tgz"


def images(pulled: Sequence[Pulled], upstream: Upstream) -> Collected:
    """Return the images, with their blobs fetched where they lack.

    Raises:
        WhisklabError: some cannot be had; a line for each.
    """
    paths = pulling.fetched(pulled, upstream)
    found = Collected()
    for each in pulled:
        documents: dict[str, Content] = {_sha256(data): data for data in each.documents}
        blobs = {blob.digest.removeprefix("sha256:"): paths[blob.digest] for blob in each.blobs}
        parts = {**documents, **blobs}
        found.contents |= parts
        sizes = {sha256: size(content) for sha256, content in parts.items()}
        found.items.append(_image(each, sizes, paths))
    found.index = layout.index((each.top, str(each.wanted.name)) for each in pulled)
    return found


def _image(image: Pulled, sizes: Mapping[str, int], paths: Mapping[str, Path]) -> Item:
    name = image.wanted.name
    changed = image.top.digest != image.source.digest
    kind = "index" if isinstance(image.source, Index) else "manifest"
    return Item(
        kind=IMAGE,
        name=f"{name.registry}/{name.repository}",
        version=version(name),
        architectures=sorted(image.architectures),
        file="",
        size=sum(sizes.values()),
        sha256=image.top.digest.removeprefix("sha256:"),
        source=f"{name.registry}/{name.repository}@{image.source.digest} ({kind})",
        licence=pulling.licence(image, paths),
        parts=sorted(sizes),
        upstream=image.source.digest if changed else "",
        users=sorted(image.wanted.users),
        notes=list(image.notes),
    )


def tools(wanted: Tool) -> Collected:
    """Return whisklab itself, and its wheels.

    Raises:
        BadInput: the checkout cannot be carried as it is; a line for each file.
    """
    found = Collected(documents=wanted.documents)
    for item, content in wanted.items():
        found.items.append(item)
        found.contents[item.sha256] = content
    return found


def packages(chosen: Sequence[Chosen], source: PackageSource) -> Collected:
    """Return packages of the operating system, fetched where they lack.

    Raises:
        WhisklabError: some cannot be had; a line for each.
    """
    paths = source.fetched(chosen)
    return Collected([each.item for each in chosen], dict[str, Content](paths))


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def collected(
    wanted: Contents, pulled: Sequence[Pulled], chosen: Sequence[Chosen], sources: Sources,
    report: Report,
) -> Collected:  # fmt: skip
    """Return all that a bundle must hold, on this laptop.

    Raises:
        WhisklabError: something cannot be had; a line for each.
    """
    kinds = (
        packages(chosen, sources.packages),
        files(wanted.files, sources.upstream.older, report),
        charts(wanted.charts),
        images(pulled, sources.upstream),
        tools(wanted.tool),
    )
    whole = Collected()
    for each in kinds:
        whole.items += each.items
        whole.contents |= each.contents
        whole.documents |= each.documents
        whole.index = whole.index or each.index
    return whole
