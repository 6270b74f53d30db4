"""How big machines are to be: what a topology says, and what their groups need otherwise."""

from __future__ import annotations

import re
from collections.abc import Sequence

from whisklab.lab.common.machine import Size

_UNITS = {"K": 1024, "M": 1024**2, "G": 1024**3, "T": 1024**4}
_GIB = _UNITS["G"]
_BYTES = re.compile(r"(\d+(?:\.\d+)?)\s*(?:([KMGT])(?:i?B)?|B)?", re.IGNORECASE)
# Of the machines of a class (see docs/virtual-machines.md); a disk is what it may grow to.
_SMALL, _MEMORY, _DISK = Size(2, 4 * _GIB, 20 * _GIB), 6 * _GIB, 50 * _GIB
_NODES = frozenset({"masters", "workers"})
_KEEPERS = frozenset({"masters", "storage", "registry"})


def read(text: object) -> int:
    """Return bytes: of a number, or of text such as 6G, 6 GiB or 512MB, all powers of 1024.

    Raises:
        ValueError: it is neither.
    """
    found = _BYTES.fullmatch(str(text).strip())
    if found is None or isinstance(text, bool):
        raise ValueError("a size such as 6G or 512M")
    number, unit = found.groups()
    return int(float(number) * _UNITS.get((unit or "").upper(), 1))


def written(size: int) -> str:
    """Write bytes as the biggest unit that leaves no rest, such as 6G (Multipass knows no T)."""
    for unit in ("G", "M", "K"):
        if size and size % _UNITS[unit] == 0:
            return f"{size // _UNITS[unit]}{unit}"
    return str(size)


def of_groups(groups: Sequence[str]) -> Size:
    """Return the size of a machine of which its topology says nothing else.

    A node needs 6 GiB for what runs on it, and who keeps images, volumes or the cluster's state
    needs 50 GiB of disk.
    """
    return Size(
        _SMALL.cpus,
        _MEMORY if _NODES.intersection(groups) else _SMALL.memory,
        _DISK if _KEEPERS.intersection(groups) else _SMALL.disk,
    )
