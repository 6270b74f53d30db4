"""A bundle's images for nodes that no registry serves: an archive of each in the laptop's cache.

Each is an OCI image layout as tar, such as containerd imports, for one architecture. Its index is
the one that the image has, so its digest stays; children for other architectures are left out,
which an import passes over (k3s: `containerd.WithSkipMissing`).
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from whisklab.bundle import carried, layout, tar
from whisklab.bundle.blobs import require_free
from whisklab.bundle.manifest import Item, Manifest
from whisklab.bundle.parts import CHUNK
from whisklab.bundle.source import BundleSource
from whisklab.engine.artifacts.downloads import Report
from whisklab.engine.artifacts.node_images import Archive, NodeImage, NodeImages
from whisklab.engine.cache import cached, writing
from whisklab.errors import WhisklabError
from whisklab.images import manifests
from whisklab.images.manifests import LARGEST, Index
from whisklab.paths import cache_dir

_HERE = "this laptop's cache"


@dataclass(frozen=True)
class Archived:
    """What became of the images.

    Attributes:
        images: the environment's list with them.
        total: archives of the bundle's images.
        brought: how many of them the cache lacked.
        size: bytes of these.
    """

    images: NodeImages
    total: int
    brought: int
    size: int


def archive(
    source: BundleSource, manifest: Manifest, before: NodeImages, report: Report
) -> Archived:
    """Have archives of the images of a bundle in the cache. Idempotent.

    Args:
        source: the bundle, verified.
        manifest: of it.
        before: the environment's list; what it has and the bundle has not, stays.
        report: hears of the progress.

    Raises:
        WhisklabError: some are left to an earlier bundle and not in the cache, a line for each;
            there is no room, or the cache cannot be written. What was brought stays.
    """
    blobs, wanted = _Blobs(source, before), carried.named(manifest)
    plans = _plans([each for each in wanted if not _is_there(before, *each)], blobs)
    require_free(sum(each.size for each in plans), "archives of images are to be written")
    images = {each.name: each for each in before.images}
    for number, each in enumerate(plans, 1):
        report(f"image {number} of {len(plans)}: {each.name} for {each.architecture}")
        images[each.name] = _with(images.get(each.name), each, each.write(blobs))
    return Archived(
        before.changed(list(images.values())),
        sum(len(item.architectures) for item, _ in wanted),
        len(plans),
        sum(each.size for each in plans),
    )


def paths(images: NodeImages) -> dict[Path, int]:
    """Return where the archives of a list are in the cache, and their bytes."""
    return {
        cached(each.sha256, image.file): each.size
        for image in images.images
        for each in image.archives.values()
    }


def _is_there(before: NodeImages, item: Item, name: str) -> bool:
    known = before.having(name)
    return known is not None and known.digest == f"sha256:{item.sha256}" and all(
        each in known.archives and cached(known.archives[each].sha256, known.file).is_file()
        for each in item.architectures
    )  # fmt: skip


def _with(known: NodeImage | None, plan: _Archive, made: Archive) -> NodeImage:
    others = known.archives if known is not None and known.digest == plan.top.digest else {}
    archives = {**others, plan.architecture: made}
    return NodeImage(name=plan.name, digest=plan.top.digest, archives=archives)


class _Blobs:
    """The blobs of a bundle; those that it leaves to an earlier one are in archives of that."""

    def __init__(self, source: BundleSource, before: NodeImages) -> None:
        self._source, self._before = source, before

    @cached_property
    def _earlier(self) -> dict[str, tuple[Path, int, int]]:
        found = {}
        for path in filter(Path.is_file, paths(self._before)):
            try:
                with tarfile.open(path, "r:") as opened:
                    for each in opened:
                        if each.name.startswith(tar.BLOBS):
                            found[each.name] = (path, each.offset_data, each.size)
            except tarfile.TarError:
                raise _damaged(path) from None
        return found

    def has(self, name: str) -> bool:
        return self._source.has(name) or name in self._earlier

    def document(self, digest: str) -> bytes | None:
        """A manifest; None: it is nowhere."""
        name = _file(digest)
        if self._source.has(name):
            return self._source.document(name)
        if not self.has(name) or self._earlier[name][2] > LARGEST:
            return None
        return b"".join(self.read(name))

    def read(self, name: str) -> Iterator[bytes]:
        if self._source.has(name):
            yield from self._source.read(name, 0)
            return
        path, offset, left = self._earlier[name]
        digest = hashlib.sha256()
        with path.open("rb") as file:
            file.seek(offset)
            while left and (data := file.read(min(CHUNK, left))):
                digest.update(data)
                left -= len(data)
                yield data
        if digest.hexdigest() != name.removeprefix(tar.BLOBS):
            raise _damaged(path)


def _damaged(path: Path) -> WhisklabError:
    return WhisklabError(
        f"{path}: is damaged: remove it, and upload the bundle again that brought it"
    )


def _file(digest: str) -> str:
    return tar.BLOBS + digest.removeprefix("sha256:")


@dataclass(frozen=True)
class _Archive:
    """An archive to be written.

    Attributes:
        name: of its image.
        architecture: for which.
        top: the image's index or only manifest.
        manifests: of this architecture.
    """

    name: str
    architecture: str
    top: manifests.Manifest | Index
    manifests: tuple[manifests.Manifest, ...]

    @cached_property
    def _documents(self) -> dict[str, bytes]:
        return {
            tar.LAYOUT: tar.LAYOUT_TEXT,
            tar.INDEX: layout.index([(self.top, self.name)]),
            **{_file(each.digest): each.data for each in (self.top, *self.manifests)},
        }

    @cached_property
    def _sizes(self) -> dict[str, int]:
        """Of configurations and layers, by their files."""
        found = {_file(blob.digest): blob.size for each in self.manifests for blob in each.blobs}
        return dict(sorted(found.items()))

    @property
    def size(self) -> int:
        """In bytes."""
        every = {name: len(data) for name, data in self._documents.items()} | self._sizes
        return tar.total(tar.Entry(name, size) for name, size in every.items())

    def lacking(self, blobs: _Blobs) -> list[str]:
        """What is nowhere; sentences."""
        return [
            f"{self.name}: its layer sha256:{name.removeprefix(tar.BLOBS)} is left to an earlier "
            f"bundle, and {_HERE} has it not: upload that one first"
            for name in self._sizes
            if not blobs.has(name)
        ]

    def write(self, blobs: _Blobs) -> Archive:
        """Have it in the cache."""
        digest, directory = hashlib.sha256(), cache_dir()
        file = NodeImage(name=self.name, digest=self.top.digest, archives={}).file
        part = directory / f".{file}.{os.getpid()}"
        with writing(directory):
            try:
                with part.open("wb") as written:
                    for data in self._bytes(blobs):
                        digest.update(data)
                        written.write(data)
                path = cached(digest.hexdigest(), file)
                path.parent.mkdir(parents=True, exist_ok=True)
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        return Archive(sha256=digest.hexdigest(), size=self.size)

    def _bytes(self, blobs: _Blobs) -> Iterator[bytes]:
        for name, data in self._documents.items():
            yield from tar.framed(tar.Entry(name, len(data)), [data])
        for name, size in self._sizes.items():
            yield from tar.framed(tar.Entry(name, size), blobs.read(name))
        yield tar.END


def _plans(wanted: list[tuple[Item, str]], blobs: _Blobs) -> list[_Archive]:
    """Return the archives of some images; all that is nowhere is named together."""
    found: list[_Archive] = []
    wrong: list[str] = []
    for item, name in wanted:
        try:
            image = carried.image(item, name, blobs.document, _HERE)
        except carried.Absent as error:
            wrong.append(str(error))
            continue
        for architecture in item.architectures:
            ones = tuple(
                each for each in image.manifests
                if _kind(image.top, each.digest) in {architecture, None}
            )  # fmt: skip
            found.append(_Archive(name, architecture, image.top, ones))
    wrong += [line for each in found for line in each.lacking(blobs)]
    if wrong:
        raise WhisklabError("\n".join(dict.fromkeys(wrong)))
    return found


def _kind(top: manifests.Manifest | Index, digest: str) -> str | None:
    """Return the architecture that an index says of a manifest; None where it says none."""
    entries = top.entries if isinstance(top, Index) else ()
    return next((each.architecture for each in entries if each.digest == digest), None)
