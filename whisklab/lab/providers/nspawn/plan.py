"""What the keeper of a host is told, and what it needs of a kind of hosts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn, Protocol

from whisklab.lab.providers.nspawn.layout import HostPaths, LabPaths
from whisklab.lab.providers.nspawn.spec import HostSpec, LabSpec

# With which a host ends that wants to boot again; so does systemd-nspawn --keep-unit
# (EXIT_FORCE_RESTART).
REBOOT = 133


@dataclass(frozen=True)
class Plan:
    """What a keeper needs to know of its host; `kernel` as in HostSpec."""

    lab: str
    host: str
    image: str
    network: str
    address: str
    kernel: str


class Kind(Protocol):
    """A kind of hosts: how its disk is made, how it boots and how it ends."""

    def make_disk(self, paths: HostPaths, image: Path, lab: LabSpec, host: HostSpec, /) -> None:
        """Make the host's disk with its identity, from the image's root."""

    def refresh(self, paths: HostPaths, lab: LabSpec, host: HostSpec, /) -> None:
        """Write what may differ from one boot to the next."""

    def prepare(self, lab: LabPaths, plan: Plan, /) -> None:
        """Make what a boot of the host needs; the one before may have left its own."""

    def become(self, lab: LabPaths, plan: Plan, /) -> NoReturn:
        """Become the host.

        Raises:
            OSError, WhisklabError: it cannot be.
        """

    def power_off(self, child: int, lab: LabPaths, plan: Plan, /) -> None:
        """Ask the host to power off."""
