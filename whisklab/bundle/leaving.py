"""What an earlier bundle has brought and later ones do not hold: what of it may go. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from whisklab.bundle import carried, filling
from whisklab.bundle.manifest import Manifest
from whisklab.engine.artifacts.node_images import NodeImage, NodeImages
from whisklab.engine.registries.access import Access
from whisklab.engine.sentences import listed
from whisklab.images.listing import Listed
from whisklab.images.names import Reference, split_tag, without_host
from whisklab.images.used import Used

_OTHER = "{}: is another image than the bundle's by now: it stays"
_USED = "{}: is in use by {}: it stays"


@dataclass(frozen=True)
class Tags:
    """Tags of a registry.

    Attributes:
        going: that nobody needs.
        staying: why others stay, which the bundle has brought as well; sentences.
    """

    going: Sequence[Reference]
    staying: Sequence[str]


@dataclass(frozen=True)
class Archives:
    """Archives of images for nodes.

    Attributes:
        going: that nobody needs.
        staying: as of `Tags`.
    """

    going: Sequence[NodeImage]
    staying: Sequence[str]


def archives(old: Manifest, kept: Sequence[Manifest], there: NodeImages, used: Used) -> Archives:
    """Return which images of an environment's list may go; as `images` and `tags` for a registry.

    Args:
        old: the manifest of the bundle that has brought them.
        kept: those of bundles whose images stay.
        there: the list.
        used: by the cluster.
    """
    stay = {name for each in kept for _, name in carried.named(each)}
    going: list[NodeImage] = []
    staying: list[str] = []
    for item, name in carried.named(old):
        found = there.having(name)
        if found is None or name in stay:
            continue
        path, tag = split_tag(without_host(name))
        users = used.of(Reference(path, tag or ""), [found.digest])
        if found.digest != f"sha256:{item.sha256}":
            staying.append(_OTHER.format(name))
        elif users:
            staying.append(_USED.format(name, listed(list(users))))
        else:
            going.append(found)
    return Archives(going, staying)


def images(old: Manifest, kept: Sequence[Manifest], access: Access) -> dict[Reference, str]:
    """Return the names in the registry, each with its digest, that only an earlier bundle has.

    Args:
        old: the manifest of that bundle.
        kept: those of bundles whose images stay.
        access: to the registry.
    """
    stay = {there for each in kept for _, there in carried.references(each, access)}
    return {
        there: f"sha256:{item.sha256}"
        for item, there in carried.references(old, access)
        if there not in stay
    }


def tags(there: Sequence[Listed], brought: Mapping[Reference, str]) -> Tags:
    """Return which tags may go: unused ones that are still what the bundle has brought.

    Args:
        there: all tags of the registry.
        brought: what may go, by its name the digest that was brought.
    """
    going, staying = [], []
    for each in there:
        if each.name not in brought:
            continue
        if each.digest != brought[each.name]:
            staying.append(_OTHER.format(each.name))
        elif each.users:
            staying.append(_USED.format(each.name, listed(list(each.users))))
        else:
            going.append(each.name)
    return Tags(going, staying)


def files(old: Manifest, kept: Sequence[Manifest]) -> dict[Path, int]:
    """Return the places of files in the laptop's cache that only an earlier bundle has; bytes."""
    stay = {path for each in kept for path in filling.places(each)}
    return {path: item.size for path, item in filling.places(old).items() if path not in stay}
