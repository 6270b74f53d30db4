"""Laptops that run whisklab from a bundle: what conditions see, and which wheels they take. Pure.

Sources: PEP 425, 508, 600 (platforms, conditions, glibc).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from packaging import tags
from packaging.requirements import Requirement
from packaging.tags import Tag

from whisklab.bundle import install
from whisklab.bundle.manifest import Laptop
from whisklab.errors import BadInput

_PYTHON = re.compile(r"3\.(1[1-9]|[2-9][0-9])")
_GLIBC = 28  # of 2.x: distributions of 2019 and newer
_MACOS = (11, 0)
_OLD_NAMES = {17: "manylinux2014", 12: "manylinux2010", 5: "manylinux1"}
# A condition may ask for the patch release, which nobody knows before: what the first or the last
# one needs is carried.
_PATCHES = ("0", "99")


@dataclass(frozen=True)
class _Kind:
    """A platform: the oldest system, what conditions see of it, names of its binary wheels."""

    system: str
    sees: Mapping[str, str]
    wheels: Sequence[str]


def _linux(machine: str, oldest: int) -> _Kind:
    names = []
    for minor in range(_GLIBC, oldest - 1, -1):
        names.append(f"manylinux_2_{minor}_{machine}")
        if minor in _OLD_NAMES:
            names.append(f"{_OLD_NAMES[minor]}_{machine}")
    sees = {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": machine}
    return _Kind(f"glibc 2.{_GLIBC}", sees, tuple(names))


def _macos(machine: str) -> _Kind:
    sees = {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": machine}
    wheels = tuple(tags.mac_platforms(_MACOS, machine))
    return _Kind(f"macOS {_MACOS[0]}.{_MACOS[1]}", sees, wheels)


# PEP 513, 599: glibc 2.5 is the oldest that wheels are named by, and 2.17 that of arm64.
_KINDS = {
    "linux-amd64": _linux("x86_64", 5),
    "linux-arm64": _linux("aarch64", 17),
    "macos-arm64": _macos("arm64"),
}
KNOWN = tuple(_KINDS)


def laptop(python: str, platform: str) -> Laptop:
    """Return a kind of laptop; its platform is one of those that are known."""
    return Laptop(python=python, platform=platform, system=_KINDS[platform].system)


def named(python: str | None, platform: str | None) -> list[Laptop]:
    """Return what --python and --laptop name together; what is not given is this laptop's.

    Args:
        python: minor versions, by commas.
        platform: platforms, by commas.

    Returns:
        All combinations; none where nothing is given, and this laptop's platform is not known.

    Raises:
        BadInput: they name others than can be.
    """
    my_python, my_platform = install.here()
    if platform is None and my_platform not in _KINDS and python is None:
        return []
    pythons = _words("--python", python or my_python)
    if wrong := [each for each in pythons if not _PYTHON.fullmatch(each)]:
        raise BadInput(f"--python: {', '.join(wrong)}: expected versions such as 3.11,3.12")
    platforms = _words("--laptop", platform or my_platform)
    if wrong := [each for each in platforms if each not in _KINDS]:
        raise BadInput(f"--laptop: {', '.join(wrong)}: expected some of {', '.join(KNOWN)}")
    return [laptop(one, other) for one in pythons for other in platforms]


def _words(option: str, text: str) -> list[str]:
    found = {each.strip() for each in text.split(",")}
    if "" in found:
        raise BadInput(f"{option}: {text!r}: expected names with a comma between")
    return sorted(found)


def applies(requirement: Requirement, on: Laptop, extra: str) -> bool:
    """Return whether a laptop has a requirement, by its condition.

    Args:
        requirement: with its condition, if any.
        on: the laptop.
        extra: of whose package this is asked, "" for none.
    """
    marker = requirement.marker
    if marker is None:
        return True
    return any(marker.evaluate({**each, "extra": extra}) for each in _environments(on))


def _environments(on: Laptop) -> list[dict[str, str]]:
    """Return what a condition may see, for each of the patch releases that are asked for."""
    found = []
    for patch in _PATCHES:
        whole = f"{on.python}.{patch}"
        found.append({
            **_KINDS[on.platform].sees,
            "os_name": "posix",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_version": "",
            "python_version": on.python,
            "python_full_version": whole,
            "implementation_version": whole,
        })  # fmt: skip
    return found


def wheel_platforms(on: Laptop) -> Sequence[str]:
    """Return the platforms of binary wheels that a laptop takes, the best one first."""
    return _KINDS[on.platform].wheels


def takes(on: Laptop, wheel: frozenset[Tag]) -> bool:
    """Return whether a laptop takes a wheel with these tags."""
    version = tuple(map(int, on.python.split(".")))
    interpreter = f"cp{on.python.replace('.', '')}"
    platforms = _KINDS[on.platform].wheels
    # The interpreter is named: else the one that runs this adds what it was built with.
    own = tags.cpython_tags(version, [interpreter], platforms)
    return not wheel.isdisjoint([*own, *tags.compatible_tags(version, interpreter, platforms)])


def told(laptops: Sequence[Laptop]) -> str:
    """Return what laptops need, for a sentence."""
    pythons = sorted({each.python for each in laptops}, key=lambda each: int(each[2:]))
    systems = {each.platform: each.system for each in laptops}
    places = ", ".join(f"{each} ({systems[each]} or newer)" for each in sorted(systems))
    return f"Python {' or '.join(pythons)} with its standard library, on {places}"
