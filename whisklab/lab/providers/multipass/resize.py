"""Sizes that the topology has changed: applied where Multipass can, said where it cannot."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from whisklab.lab.common.machine import Machine, Size
from whisklab.lab.common.run import Report
from whisklab.lab.providers.multipass.client import Client
from whisklab.lab.providers.multipass.fleet import Fleet
from whisklab.lab.providers.multipass.instances import State
from whisklab.lab.sizes import read, written

# It tells sizes with one decimal: "5.9GiB".
_NEAR = 0.02


def resize(fleet: Fleet, machines: Sequence[Machine]) -> None:
    """Give stopped instances the sizes that they should have; says what is left.

    Whose disk has grown is remembered by the fleet.

    (Compared with what an instance was given, not with what it tells of itself: a kernel and a
    file system keep some for themselves.)
    """
    there = fleet.listed()
    for each in machines:
        if each.name not in there or each.size is None:
            continue
        instance = there[each.name]
        for key, has, wanted in differences(sizes(fleet.client, instance.name), each.size):
            if key == "disk" and wanted < has:
                fleet.report(
                    f"{each.name}: its disk has {_told(key, has)}, and the topology says "
                    f"{_told(key, wanted)}: a disk only grows; `whisklab rebuild` makes it anew"
                )
            elif instance.state is State.STOPPED:
                _set(fleet.client, instance.name, key, wanted, fleet.report)
                if key == "disk":
                    fleet.grown.append(each.name)
            else:
                fleet.report(
                    f"{each.name}: its {key} is {_told(key, has)}, and the topology says "
                    f"{_told(key, wanted)}: stop the lab, then start it, to have that"
                )


def sizes(client: Client, instance: str) -> Size:
    """Return what an instance was given."""
    cpus, memory = (read(client.setting(f"local.{instance}.{key}")) for key in ("cpus", "memory"))
    return Size(cpus, memory, disk(client, instance))


def disk(client: Client, instance: str) -> int:
    """Return what the disk of an instance may grow to; there is an answer of deleted ones, too."""
    return read(client.setting(f"local.{instance}.disk"))


def differences(has: Size, wanted: Size) -> Iterator[tuple[str, int, int]]:
    """Tell what differs: what it is, how much there is, and how much there should be. Pure."""
    if has.cpus != wanted.cpus:
        yield "cpus", has.cpus, wanted.cpus
    for key in ("memory", "disk"):
        one, other = getattr(has, key), getattr(wanted, key)
        if abs(one - other) > _NEAR * other:
            yield key, one, other


def _set(client: Client, instance: str, key: str, wanted: int, report: Report) -> None:
    report(f"{instance}: {key} becomes {_told(key, wanted)}")
    client.set(f"local.{instance}.{key}", _told(key, wanted))


def _told(key: str, size: int) -> str:
    return str(size) if key == "cpus" else written(size)
