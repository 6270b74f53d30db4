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
# The digest of a manifest to its bytes, None for none.
Document = Callable[[str], bytes | None]


class Absent(WhisklabError):
    """What is left to an earlier bundle is not where that one's images went."""


def named(manifest: Manifest) -> list[tuple[Item, str]]:
    """Return the images of a bundle with their whole names, each with a tag."""
    return [(each, _name(each)) for each in manifest.items if each.kind == IMAGE]


def references(manifest: Manifest, access: Access | None = None) -> list[tuple[Item, Reference]]:
    """Return under which name each image of a bundle goes into a registry.

    Raises:
        BadInput: two images of different upstreams would have one name there.
    """
    found: dict[Reference, Item] = {}
    pairs = []
    for item, name in named(manifest):
        there = reference(name, access)
        other = found.setdefault(there, item)
        if other.sha256 != item.sha256:
            raise BadInput(
                f"{item}: would be {there} in the registry, as {other} would, and they differ: "
                "have one of them named by its digest, or from another repository"
            )
        pairs.append((item, there))
    return pairs


def _name(item: Item) -> str:
    name = names.parse(titled(item.name, item.version).replace(" ", ":", 1), str(item))
    tag = f"{_PINNED}{item.sha256[:_LETTERS]}" if name.digest else name.tag
    return f"{name.registry}/{name.repository}:{tag}"


def image(item: Item, name: str, document: Document, place: str) -> Image:
    """Return an image as it is pushed: all its manifests, and where in the archive its blobs are.

    Args:
        item: of the bundle.
        name: that it gets.
        document: returns a manifest.
        place: where images go, for the sentence, such as "the registry".

    Raises:
        Absent: one of its manifests is nowhere.
    """

    def parsed(digest: str) -> manifests.Manifest | Index:
        data = document(digest)
        if data is None:
            raise Absent(
                f"{item}: its manifest {digest} is left to an earlier bundle, and {place} has it "
                "not: upload that one first"
            )
        return manifests.parse(f"{item}: {digest}", data)

    top = parsed(f"sha256:{item.sha256}")
    children = top.entries if isinstance(top, Index) else ()
    found = [parsed(each.digest) for each in children] or [top]
    ones = tuple(each for each in found if not isinstance(each, Index))  # the builder refuses these
    files = {
        blob.digest: tar.BLOBS + blob.digest.removeprefix("sha256:")
        for each in ones
        for blob in each.blobs
    }
    return Image((name,), top, ones, files, frozenset(item.architectures))


def shared(targets: Sequence[tuple[Image, Reference]]) -> Mapping[str, Sequence[str]]:
    """Return the repositories of each blob that several have, by its digest."""
    found: dict[str, dict[str, None]] = {}
    for each, there in targets:
        for blob in each.blobs:
            found.setdefault(blob.digest, {})[there.repository] = None
    return {digest: list(where) for digest, where in found.items() if len(where) > 1}
