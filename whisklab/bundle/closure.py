"""Which packages a laptop needs: from what whisklab names to all that these name. Pure."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import IO

from packaging.metadata import parse_email
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from whisklab.bundle.laptops import applies
from whisklab.bundle.manifest import UNKNOWN, Laptop
from whisklab.errors import WhisklabError

_METADATA = ".dist-info/METADATA"


@dataclass(frozen=True)
class Package:
    """What a wheel says of itself.

    Attributes:
        name: normalized.
        version: of it.
        requires: all that it may need, with conditions.
        licence: as SPDX calls it, or `unknown`.
    """

    name: str
    version: str
    requires: Sequence[Requirement] = ()
    licence: str = UNKNOWN

    def __str__(self) -> str:
        """Name it as people do."""
        return f"{self.name} {self.version}"


# Names to the packages of these that can be had; what cannot is left out.
Bring = Callable[[Sequence[str]], Mapping[str, Package]]


def package(file: IO[bytes], label: str) -> Package:
    """Return what a wheel says of itself.

    Args:
        file: the wheel.
        label: how sentences call it.

    Raises:
        WhisklabError: it is no wheel.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            # Packages may have others within, with such files of their own.
            (name,) = (
                each for each in archive.namelist()
                if each.endswith(_METADATA) and each.count("/") == 1
            )  # fmt: skip
            return described(archive.read(name))
    except (zipfile.BadZipFile, ValueError, KeyError, OSError, InvalidRequirement) as error:
        raise WhisklabError(
            f"{label}: is no wheel that can be read ({error}): use another version of it"
        ) from error


def described(metadata: bytes) -> Package:
    """Return what a METADATA says.

    Raises:
        ValueError: it is none.
        KeyError: it lacks a name or a version.
        InvalidRequirement: of one of its requirements.
    """
    found, _ = parse_email(metadata)
    return Package(
        canonicalize_name(found["name"]),
        found["version"],
        tuple(Requirement(each) for each in found.get("requires_dist", ())),
        found.get("license_expression") or UNKNOWN,
    )


def needed(
    roots: Iterable[Requirement], on: Laptop, bring: Bring
) -> tuple[dict[str, Package], list[str]]:
    """Return the packages that a laptop needs, by their names, and what is wrong; sentences.

    Args:
        roots: what whisklab needs.
        on: the laptop.
        bring: brings packages.
    """
    found: dict[str, Package] = {}
    wrong: list[str] = []
    asked: set[tuple[str, str]] = set()
    ahead = [("whisklab", each) for each in roots if applies(each, on, "")]
    while ahead:
        names = {canonicalize_name(each.name) for _, each in ahead}
        found |= bring(sorted(names - found.keys()))
        level, ahead = ahead, []
        for user, each in level:
            name = canonicalize_name(each.name)
            if name not in found:
                wrong.append(f"{user} needs {name} on {on}")
                continue
            one = found[name]
            if not each.specifier.contains(one.version, prereleases=True):
                wrong.append(f"{user} needs {name}{each.specifier} on {on}, not {one.version}")
            for extra in ("", *each.extras):
                if (name, extra) not in asked:
                    asked.add((name, extra))
                    ahead += [(str(one), more) for more in one.requires if applies(more, on, extra)]
    return found, list(dict.fromkeys(wrong))
