"""What an earlier bundle has brought and later ones do not hold: what of it may go. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from whisklab.bundle import carried, filling
from whisklab.bundle.manifest import Manifest
from whisklab.engine.registries.access import Access
from whisklab.images.image import listed
from whisklab.images.listing import Listed
from whisklab.images.names import Reference


@dataclass(frozen=True)
class Tags:
    """Tags of a registry.

    Attributes:
        going: that nobody needs.
        staying: why others stay, which the bundle has brought as well; sentences.
    """

    going: Sequence[Reference]
    staying: Sequence[str]


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
            staying.append(f"{each.name}: is another image than the bundle's by now: it stays")
        elif each.users:
            staying.append(f"{each.name}: is in use by {listed(list(each.users))}: it stays")
        else:
            going.append(each.name)
    return Tags(going, staying)


def files(old: Manifest, kept: Sequence[Manifest]) -> dict[Path, int]:
    """Return the places of files in the laptop's cache that only an earlier bundle has; bytes."""
    stay = {path for each in kept for path in filling.places(each)}
    return {path: item.size for path, item in filling.places(old).items() if path not in stay}
