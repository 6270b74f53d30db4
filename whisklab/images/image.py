"""An image as it is to be pushed, and where in its source each part of it is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from whisklab.images.manifests import UNKNOWN, Descriptor, Index, Manifest


@dataclass(frozen=True)
class Image:
    """An image, complete.

    Attributes:
        names: as the source calls it; none where it has no name.
        top: its index, or its only manifest.
        manifests: all of it but the index.
        files: digest of a configuration or layer to the name of its file in the source.
        architectures: for which it is; none where nothing says so.
        notes: what people should know, such as platforms that are left out; sentences.
    """

    names: tuple[str, ...]
    top: Manifest | Index
    manifests: tuple[Manifest, ...]
    files: Mapping[str, str]
    architectures: frozenset[str]
    notes: tuple[str, ...] = field(default=())

    @property
    def blobs(self) -> list[Descriptor]:
        """Configurations and layers, each once."""
        found = {blob.digest: blob for each in self.manifests for blob in each.blobs}
        return list(found.values())


def unfit(image: Image, nodes: Mapping[str, str]) -> str | None:
    """Return why no node can run an image, as half a sentence; None if one can. Pure.

    Args:
        image: to be pushed.
        nodes: architecture of each node, by its name.
    """
    known = image.architectures - {UNKNOWN}
    if not known or not nodes or known & set(nodes.values()):
        return None
    there = ", ".join(sorted({f"{each}" for each in nodes.values()}))
    return f"is for {', '.join(sorted(known))}, and the nodes are {there}"
