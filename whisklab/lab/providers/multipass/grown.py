"""Whether a disk that was made bigger is bigger inside, too: its partition and its file system.

cloud-init does that at each boot, mostly (canonical/multipass#4935: not of Ubuntu 26.04's root).
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address

from whisklab.lab.common.guest.reach import NotYet, Place
from whisklab.lab.providers.multipass.fleet import Fleet
from whisklab.lab.sizes import written

# Bytes; of the block devices without what is mounted from files, and then of the root.
LOOK = "lsblk -bnr -o TYPE,NAME,SIZE,MOUNTPOINT; df -B1 --output=size /"
_FIELDS, _GIB = 3, 1024**3  # of a line: type, name, size, and where it is mounted, if it is
_WHOLE = 0.9  # of a partition is what a file system has of it, which keeps some for itself


def tell(fleet: Fleet, names: Iterable[str]) -> None:
    """Look at machines whose disks have grown, and say where that ends before the file system."""
    for name in names:
        member, expected = fleet.record.members[name], fleet.expected(name)
        if member.address is None:
            continue
        try:
            text = fleet.reach.ask(_place(member.address), expected.login, LOOK)
        except NotYet:
            continue  # it was reached a moment ago; the disk is no reason to fail
        if said := judged(text):
            fleet.report(f"{name}: {said}")


def judged(text: str) -> str:
    """Return what has not grown, and what makes it grow, from the answer to LOOK. Pure.

    "" where all has, and where the answer is none that is understood.
    """
    lines = [line.split() for line in text.splitlines()]
    devices = {part[1]: part for part in lines if len(part) >= _FIELDS and part[2].isdigit()}
    disks = {name: int(part[2]) for name, part in devices.items() if part[0] == "disk"}
    parts = {name: int(part[2]) for name, part in devices.items() if part[0] == "part"}
    root = next((name for name in parts if devices[name][3:] == ["/"]), "")
    disk = next((name for name in disks if root.startswith(name)), "")
    system = next((int(part[0]) for part in lines if len(part) == 1 and part[0].isdigit()), 0)
    if not (root and disk and system):
        return ""
    own = sum(size for name, size in parts.items() if name.startswith(disk))
    number = root.removeprefix(disk).removeprefix("p")
    if disks[disk] - own > _GIB:
        return _sentence("partition", parts[root], disks[disk], (
            f"`sudo growpart /dev/{disk} {number}`, then `sudo resize2fs /dev/{root}`"
        ))  # fmt: skip
    if system < _WHOLE * parts[root]:
        return _sentence("file system", system, parts[root], f"`sudo resize2fs /dev/{root}`")
    return ""


def _sentence(what: str, has: int, room: int, way: str) -> str:
    return (
        f"its disk has grown, and its root's {what} has not ({written(has // _GIB * _GIB)} of "
        f"{written(room // _GIB * _GIB)}): {way} there makes it grow"
    )


def _place(address: IPv4Address) -> Place:
    return Place(str(address))
