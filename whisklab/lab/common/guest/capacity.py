"""Whether this computer can have the machines that are to be made."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from whisklab.errors import BadInput
from whisklab.lab.common.machine import Machine
from whisklab.lab.sizes import written

_MIB = 1024**2


@dataclass(frozen=True)
class Computer:
    """What this computer has: processors, bytes of memory, of disk, and of free disk."""

    cpus: int
    memory: int
    disk: int
    free: int


def here(disks: Iterable[Path]) -> Computer:
    """Look at this computer, and at the first place that there is of those where disks may be."""
    place = next((path for path in disks if path.exists()), Path("/"))
    disk = shutil.disk_usage(place)
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return Computer(os.cpu_count() or 1, memory, disk.total, disk.free)


def refuse(machines: Sequence[Machine], others: int, computer: Computer) -> None:
    """Refuse machines that could never run here. Pure.

    Args:
        machines: that are to be made.
        others: bytes of memory of other machines that run.
        computer: this one.

    Raises:
        BadInput: names the machine, or the sum, and what there is.
    """
    for each in machines:
        _refuse_one(each, computer)
    memory = sum(each.size.memory for each in machines if each.size)
    if machines and memory + others > computer.memory:
        beside = f", beside {_mb(others)} of those that run" if others else ""
        raise BadInput(
            f"the machines to be made need {_mb(memory)} of memory{beside}, and this computer has "
            f"{_mb(computer.memory)}: give them less (`memory:`), or make fewer"
        )


def remark(machines: Sequence[Machine], others: int, computer: Computer) -> str:
    """Return what is to be said of the disks of machines to be made, "" for nothing. Pure.

    Args:
        machines: that are to be made.
        others: bytes that the disks of other machines may have at most.
        computer: this one.
    """
    disk = sum(each.size.disk for each in machines if each.size)
    if not machines or disk + others <= computer.free:
        return ""
    beside = f", beside at most {_mb(others)} of others (some of it is used already)"
    return (
        f"disks may grow to {_mb(disk)} in all{beside if others else ''}, and "
        f"{_mb(computer.free)} are free here: watch that"
    )


def _refuse_one(machine: Machine, computer: Computer) -> None:
    size = machine.size
    if size is None:
        return
    if size.cpus > computer.cpus:
        raise BadInput(
            f"{machine.name}: {size.cpus} processors are more than this computer has "
            f"({computer.cpus}): give it `cpus: {computer.cpus}` or fewer"
        )
    if size.disk > computer.disk:
        raise BadInput(
            f"{machine.name}: its disk of {written(size.disk)} is bigger than that of this "
            f"computer ({_mb(computer.disk)}): give it a smaller `disk:`"
        )


def _mb(size: int) -> str:
    return f"{size // _MIB} MB"
