"""What whisklab needs of Python packages: pyproject.toml names, requirements.lock pins. Pure."""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from whisklab.errors import BadInput

PROJECT, LOCK = "pyproject.toml", "requirements.lock"
_EXTRA = "install"  # of pyproject.toml: what installs whisklab itself, beside what it runs with
_HASH = "--hash=sha256:"


@dataclass(frozen=True)
class Pin:
    """A package in the lock, with the SHA-256 of all its files."""

    name: str
    version: str
    hashes: frozenset[str]

    def __str__(self) -> str:
        """Name it as people do."""
        return f"{self.name} {self.version}"

    @property
    def line(self) -> str:
        """What pip reads."""
        hashes = (f"{_HASH}{each}" for each in sorted(self.hashes))
        return " ".join((f"{self.name}=={self.version}", *hashes))


def pins(text: str, where: str) -> dict[str, Pin]:
    """Return the packages of a lock by their names.

    Args:
        text: of the lock.
        where: it comes from, for sentences.

    Raises:
        BadInput: a line is none of a lock with hashes.
    """
    found = {}
    for line in text.replace("\\\n", " ").splitlines():
        words = line.partition("#")[0].split()
        if not words:
            continue
        pin = _pin(words)
        if pin is None:
            raise BadInput(f"{where}: {words[0]}: expected NAME==VERSION and hashes: `make lock`")
        found[pin.name] = pin
    return found


def _pin(words: Sequence[str]) -> Pin | None:
    name, equal, version = words[0].partition("==")
    hashes = {each.removeprefix(_HASH) for each in words[1:] if each.startswith(_HASH)}
    if not (name and equal and version and len(hashes) == len(words) - 1 > 0):
        return None
    return Pin(canonicalize_name(name), version, frozenset(hashes))


def roots(text: str, where: str) -> list[Requirement]:
    """Return what whisklab runs with, and what installs it; nothing that only its tests need.

    Args:
        text: of a pyproject.toml.
        where: it comes from, for sentences.

    Raises:
        BadInput: it is none of whisklab's.
    """
    try:
        project = tomllib.loads(text)["project"]
        lines = [*project["dependencies"], *project["optional-dependencies"][_EXTRA]]
        return [Requirement(each) for each in lines]
    except (ValueError, KeyError, TypeError, InvalidRequirement) as error:
        raise BadInput(
            f"{where}: does not name what whisklab needs ({error}): expected dependencies and the "
            f"extra {_EXTRA}"
        ) from None


def is_whisklab(text: str) -> bool:
    """Return whether a pyproject.toml is whisklab's."""
    try:
        return bool(tomllib.loads(text)["project"]["name"] == "whisklab")
    except (ValueError, KeyError, TypeError):
        return False
