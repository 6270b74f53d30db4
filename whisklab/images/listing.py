"""What the registry has, tag by tag, and what of it is in use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from whisklab.images import content
from whisklab.images.client import Registry
from whisklab.images.manifests import UNKNOWN, Descriptor, Index, Manifest, architecture_of
from whisklab.images.names import Reference
from whisklab.images.used import Used


@dataclass(frozen=True)
class Listed:
    """A tag.

    Attributes:
        name: repository and tag.
        digest: what it means now.
        children: digests that it reaches as an index.
        blobs: size of each configuration and layer, by digest.
        architectures: for which it is, sorted.
        users: what of the cluster uses it, as people call it; sorted.
    """

    name: Reference
    digest: str
    children: tuple[str, ...]
    blobs: dict[str, int]
    architectures: tuple[str, ...]
    users: tuple[str, ...]

    @property
    def size(self) -> int:
        """Bytes of its configurations and layers, each counted once."""
        return sum(self.blobs.values())


def listed(registry: Registry, used: Used) -> list[Listed]:
    """Return all tags.

    Args:
        registry: of the environment.
        used: by its cluster.

    Raises:
        WhisklabError: the registry cannot be asked, or has what is no image.
    """
    return [
        found
        for repository in content.repositories(registry)
        for tag in content.tags(registry, repository)
        if (found := _one(registry, Reference(repository, tag), used)) is not None
    ]


def _one(registry: Registry, name: Reference, used: Used) -> Listed | None:
    top = content.manifest(registry, name.repository, name.tag)
    if top is None:  # removed in this moment
        return None
    manifests = dict(_manifests(registry, name.repository, top))
    digests = (top.digest, *manifests)
    return Listed(
        name, top.digest, tuple(each for each in manifests if each != top.digest),
        {blob.digest: blob.size for found, _ in manifests.values() for blob in found.blobs},
        tuple(sorted({each for _, each in manifests.values() if each and each != UNKNOWN})),
        used.of(name, digests),
    )  # fmt: skip


def _manifests(
    registry: Registry, repository: str, top: Manifest | Index
) -> Iterator[tuple[str, tuple[Manifest, str | None]]]:
    """Yield all manifests of images by digest, with their architecture."""
    if isinstance(top, Manifest):
        config = content.blob(registry, repository, top.config.digest)
        yield top.digest, (top, architecture_of(config))
        return
    for entry in top.entries:
        found = _child(registry, repository, entry)
        if found is not None:
            yield entry.digest, (found, entry.architecture)


def _child(registry: Registry, repository: str, entry: Descriptor) -> Manifest | None:
    found = content.manifest(registry, repository, entry.digest)
    return found if isinstance(found, Manifest) else None
