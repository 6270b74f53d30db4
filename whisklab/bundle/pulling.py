"""Images into the cache: the manifests that are carried, and every blob that they name."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from whisklab.bundle import platforms
from whisklab.bundle.blobs import require_room
from whisklab.bundle.image_lock import ImageLock
from whisklab.bundle.manifest import UNKNOWN
from whisklab.bundle.names import ImageName
from whisklab.bundle.upstream import Upstream
from whisklab.errors import WhisklabError
from whisklab.images.manifests import (
    Descriptor,
    Index,
    Manifest,
    architecture_of,
    digest_of,
    parse,
    require_copyable,
)

AT_ONCE = 4  # transfers
_LICENCE = "org.opencontainers.image.licenses"  # OCI image specification, "Annotations"


@dataclass(frozen=True)
class Wanted:
    """An image that is to be carried.

    Attributes:
        name: of it.
        architectures: for which it is needed.
        users: what names it.
    """

    name: ImageName
    architectures: tuple[str, ...]
    users: tuple[str, ...]


@dataclass(frozen=True)
class Pulled:
    """An image as it is carried.

    Attributes:
        wanted: what it was asked for.
        top: its index or only manifest.
        source: index or manifest as it is upstream; carried too, so that its digest, which locks
            and signatures name, can be followed from the bundle alone.
        manifests: all of it but the index.
        architectures: for which it is.
        notes: decisions; sentences.
    """

    wanted: Wanted
    top: Manifest | Index
    source: Manifest | Index
    manifests: tuple[Manifest, ...]
    architectures: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def documents(self) -> list[bytes]:
        """All manifests and indexes."""
        return [self.source.data, self.top.data, *(each.data for each in self.manifests)]

    @property
    def blobs(self) -> list[Descriptor]:
        """Configurations and layers, each once."""
        return list({each.digest: each for one in self.manifests for each in one.blobs}.values())


def resolved(wanted: Iterable[Wanted], upstream: Upstream, lock: ImageLock) -> list[Pulled]:
    """Return what is carried of each image; only manifests are read.

    Raises:
        WhisklabError: some cannot be had, or lack an architecture; a line for each.
    """
    found, wrong, every = [], [], list(wanted)
    for number, each in enumerate(every, 1):
        upstream.report(f"image {number} of {len(every)}: {each.name}")
        try:
            found.append(_resolved(each, upstream, lock))
        except WhisklabError as error:
            wrong.append(f"{error} (named by {_listed(each.users)})")
    if wrong:
        raise WhisklabError("\n".join(wrong))
    return found


def _listed(users: Sequence[str]) -> str:
    more = f" and {len(users) - 1} more" if len(users) > 1 else ""
    return f"{users[0]}{more}"


def _resolved(wanted: Wanted, upstream: Upstream, lock: ImageLock) -> Pulled:
    name = wanted.name
    known = name.digest or lock.digest(str(name))
    data = upstream.manifest(name, known or name.tag)
    digest = digest_of(data)
    if known is None:
        lock.add(str(name), digest)
    top = parse(str(name), data)
    if isinstance(top, Index):
        return _of_index(wanted, top, upstream)
    one = _child(name, upstream, digest)
    mine = _architecture(name, one, upstream)
    _require(wanted, {mine} if mine else set(wanted.architectures))
    return Pulled(wanted, one, one, (one,), (mine,) if mine else wanted.architectures, ())


def _of_index(wanted: Wanted, index: Index, upstream: Upstream) -> Pulled:
    name = wanted.name
    choice = platforms.chosen(index, wanted.architectures, pinned=bool(name.digest))
    _require(wanted, set(wanted.architectures) - set(choice.lacking))
    manifests = tuple(_child(name, upstream, each.digest, each) for each in choice.entries)
    if choice.data is None:
        top: Manifest | Index = manifests[0]
    else:
        top = Index(index.media_type, choice.data, choice.entries)
    return Pulled(
        wanted, top, index, manifests, wanted.architectures, choice.notes
    )  # fmt: skip


def _child(
    name: ImageName, upstream: Upstream, digest: str, stated: Descriptor | None = None
) -> Manifest:
    data = upstream.manifest(name, digest)
    if stated is not None and len(data) != stated.size:
        raise WhisklabError(
            f"{name}: its manifest {digest} has {len(data)} bytes, and its index says "
            f"{stated.size}: the image was made wrongly, containerd would refuse it: build it "
            "again, or use another one"
        )
    found = parse(f"{name}: {digest}", data)
    if isinstance(found, Index):
        raise WhisklabError(f"{name}: {digest} is an index within an index: name one of its own")
    require_copyable(str(name), found)
    return found


def _architecture(name: ImageName, one: Manifest, upstream: Upstream) -> str | None:
    path = upstream.blob(name, one.config.digest, one.config.size, f"{name} configuration")
    return architecture_of(path.read_bytes())


def _require(wanted: Wanted, there: set[str]) -> None:
    lacking = [each for each in wanted.architectures if each not in there]
    if lacking:
        raise WhisklabError(
            f"{wanted.name}: upstream has it not for {', '.join(lacking)}, which --arch asks for: "
            "leave that out, or name an image that has it"
        )


def fetched(images: Sequence[Pulled], upstream: Upstream) -> dict[str, Path]:
    """Return the file of each configuration and layer, by its digest; several at a time.

    Raises:
        WhisklabError: some cannot be had; a line for each.
    """
    work: dict[str, Callable[[], Path]] = {}
    require_room({each.digest: each.size for image in images for each in image.blobs})
    for image in images:
        blobs = image.blobs
        for number, each in enumerate(blobs, 1):
            what = f"{image.wanted.name} layer {number} of {len(blobs)}"
            work.setdefault(each.digest, _one(upstream, image.wanted.name, each, what))
    found, wrong = {}, []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        waiting = {digest: pool.submit(each) for digest, each in work.items()}
        try:
            for digest, future in waiting.items():
                try:
                    found[digest] = future.result()
                except WhisklabError as error:
                    wrong.append(str(error))
        except BaseException:
            upstream.stop()
            pool.shutdown(cancel_futures=True)
            raise
    if wrong:
        raise WhisklabError("\n".join(wrong))
    return found


def _one(upstream: Upstream, name: ImageName, blob: Descriptor, what: str) -> Callable[[], Path]:
    return lambda: upstream.blob(name, blob.digest, blob.size, what)


def licence(image: Pulled, files: Mapping[str, Path]) -> str:
    """Return the licence that an image names: its manifest, or its configuration."""
    for each in image.manifests:
        for text in (each.data, files[each.config.digest].read_bytes()):
            with suppress(ValueError, AttributeError, TypeError):
                found = json.loads(text)
                notes = found.get("annotations") or {}
                labels = (found.get("config") or {}).get("Labels") or {}
                if named := notes.get(_LICENCE) or labels.get(_LICENCE):
                    return str(named)
    return UNKNOWN
