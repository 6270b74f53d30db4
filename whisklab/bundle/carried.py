"""The images of a bundle, and under which names a mirror of their registries finds them. Pure.

containerd asks a mirror for the path and the tag, or the digest, that a name has upstream; the
upstream's host is not part of it. So all upstreams share the names of one registry.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from whisklab.bundle import names, tar
from whisklab.bundle.manifest import IMAGE, Item, Manifest, titled
from whisklab.engine.registries.access import Access
from whisklab.errors import BadInput, WhisklabError
from whisklab.images import manifests
from whisklab.images.image import Image
from whisklab.images.manifests import Index
from whisklab.images.names import Reference
from whisklab.images.names import parse as reference

# Of what is known by its digest only: without a tag `whisklab images gc` would take it.
_PINNED, _LETTERS = "pinned-", 12
# An image's name in the registry and the digest of a manifest to its bytes, None for none.
Document = Callable[[Reference, str], bytes | None]


class Absent(WhisklabError):
    """What is left to an earlier bundle is not in the registry."""


def references(manifest: Manifest, access: Access | None = None) -> list[tuple[Item, Reference]]:
    """Return under which name each image of a bundle goes into a registry.

    Raises:
        BadInput: two images of different upstreams would have one name there.
    """
    found: dict[Reference, Item] = {}
    pairs = []
    for item in manifest.items:
        if item.kind != IMAGE:
            continue
        there = _reference(item, access)
        other = found.setdefault(there, item)
        if other.sha256 != item.sha256:
            raise BadInput(
                f"{item}: would be {there} in the registry, as {other} would, and they differ: "
                "have one of them named by its digest, or from another repository"
            )
        pairs.append((item, there))
    return pairs


def _reference(item: Item, access: Access | None) -> Reference:
    name = names.parse(titled(item.name, item.version).replace(" ", ":", 1), str(item))
    tag = f"{_PINNED}{item.sha256[:_LETTERS]}" if name.digest else name.tag
    return reference(f"{name.registry}/{name.repository}:{tag}", access)


def image(item: Item, there: Reference, document: Document) -> Image:
    """Return an image as it is pushed: all its manifests, and where in the archive its blobs are.

    Args:
        item: of the bundle.
        there: its name in the registry.
        document: returns a manifest.

    Raises:
        Absent: one of its manifests is nowhere.
    """
    top = _parsed(item, there, f"sha256:{item.sha256}", document)
    children = top.entries if isinstance(top, Index) else ()
    found = [_parsed(item, there, each.digest, document) for each in children] or [top]
    ones = tuple(each for each in found if not isinstance(each, Index))  # the builder refuses these
    files = {
        blob.digest: tar.BLOBS + blob.digest.removeprefix("sha256:")
        for each in ones
        for blob in each.blobs
    }
    return Image((str(there),), top, ones, files, frozenset(item.architectures))


def _parsed(
    item: Item, there: Reference, digest: str, document: Document
) -> manifests.Manifest | Index:
    data = document(there, digest)
    if data is None:
        raise Absent(
            f"{item}: its manifest {digest} is left to an earlier bundle, and the registry has it "
            "not: upload that one first"
        )
    return manifests.parse(f"{item}: {digest}", data)


def shared(targets: Sequence[tuple[Image, Reference]]) -> Mapping[str, Sequence[str]]:
    """Return the repositories of each blob that several have, by its digest."""
    found: dict[str, dict[str, None]] = {}
    for each, there in targets:
        for blob in each.blobs:
            found.setdefault(blob.digest, {})[there.repository] = None
    return {digest: list(where) for digest, where in found.items() if len(where) > 1}
