"""On what machine, when, and beside how much else something was measured."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

BUSY = 1.5  # processes for each core, beside which seconds say little
_OF_INTEREST = ("whisklab", "pyinfra", "paramiko")


@dataclass(frozen=True)
class Circumstances:
    """What numbers depend on.

    Attributes:
        date: when the measurement began.
        cores: of the machine that had both the laptop's side and the hosts.
        memory: GiB of it.
        kernel: its release.
        load: the averages of a minute before and after.
        versions: of the programs, by name.
    """

    date: str
    cores: int
    memory: float
    kernel: str
    load: tuple[float, float]
    versions: dict[str, str]

    @property
    def busy(self) -> bool:
        """Whether the machine had so much other work that seconds say little."""
        return self.load[0] > self.cores * BUSY

    def sentence(self) -> str:
        """Return it for people. Pure."""
        before, after = self.load
        busy = (
            " **The machine had other work meanwhile**: the seconds are longer than they would be."
            if self.busy
            else ""
        )
        programs = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return (
            f"{self.date}, {self.cores} cores, {self.memory:.0f} GiB, Linux {self.kernel}, "
            f"{programs}; load {before:.1f} before, {after:.1f} after.{busy}"
        )


def load() -> float:
    """Return how many processes wanted a core in the last minute."""
    return round(os.getloadavg()[0], 1)


def circumstances(before: float, further: dict[str, str] | None = None) -> Circumstances:
    """Return those of now.

    Args:
        before: the load when the measurement began.
        further: versions of other programs.
    """
    own = {"Python": platform.python_version(), **{each: version(each) for each in _OF_INTEREST}}
    return Circumstances(
        date=time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        cores=os.cpu_count() or 1,
        memory=round(_meminfo("MemTotal") / 1024, 1),
        kernel=platform.release(),
        load=(before, load()),
        versions=own | (further or {}),
    )


def available() -> float:
    """Return the MiB of memory that programs may still have."""
    return _meminfo("MemAvailable")


def _meminfo(key: str) -> float:
    for line in Path("/proc/meminfo").read_text().splitlines():
        name, _, rest = line.partition(":")
        if name == key:
            return int(rest.split()[0]) / 1024
    raise RuntimeError(f"/proc/meminfo says nothing of {key}")
