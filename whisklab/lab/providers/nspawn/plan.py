"""What the keeper of a host is told, and what it needs of a kind of hosts."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NoReturn, Protocol, cast

from whisklab.lab.common import machine
from whisklab.lab.common.machine import SHARED, UML, Machine
from whisklab.lab.common.run import Report
from whisklab.lab.providers.nspawn.layout import HostPaths, LabPaths
from whisklab.lab.providers.nspawn.spec import LabSpec

# With which a host ends that wants to boot again; so does systemd-nspawn --keep-unit
# (EXIT_FORCE_RESTART).
REBOOT = 133


@dataclass(frozen=True)
class Plan:
    """What a keeper needs to know of its host."""

    lab: str
    disks: str
    image: str
    network: str
    machine: Machine

    @property
    def paths(self) -> LabPaths:
        """The directories of the lab."""
        return LabPaths(self.lab, Path(self.disks))


def dump(plan: Plan) -> str:
    """The plan as one word of a command line."""
    return json.dumps({**asdict(plan), "machine": plan.machine.as_data()})


def parse(text: str) -> Plan:
    """Read what `dump` wrote."""
    data = json.loads(text)
    return Plan(**{**data, "machine": machine.parse(data["machine"])})


class Kind(Protocol):
    """A kind of hosts: how its disk is made, how it boots and how it ends.

    `PROGRAMS` are those of this computer that it needs, with their packages.
    """

    PROGRAMS: Mapping[str, str]

    def image(self, base: str, report: Report, /) -> str:
        """Make the image of its disks, from the image `base`, unless it is there.

        Returns its digest. The caller holds the lock of images.
        """

    def make_disk(self, paths: HostPaths, image: Path, lab: LabSpec, host: Machine, /) -> None:
        """Make the host's disk with its identity, from the image's root."""

    def refresh(self, paths: HostPaths, lab: LabSpec, host: Machine, /) -> None:
        """Write what may differ from one boot to the next."""

    def prepare(self, plan: Plan, /) -> None:
        """Make what a boot of the host needs; the one before may have left its own."""

    def become(self, plan: Plan, /) -> NoReturn:
        """Become the host.

        Raises:
            OSError, WhisklabError: it cannot be.
        """

    def power_off(self, child: int, plan: Plan, /) -> None:
        """Ask the host to power off."""

    def clear(self, paths: LabPaths, host: Machine, /) -> None:
        """Remove what a run of the host has left besides processes, groups and namespaces."""


_KINDS = {
    SHARED: "whisklab.lab.providers.nspawn.container",
    UML: "whisklab.lab.providers.uml.machine",
}


def kind(kernel: str) -> Kind:
    """How a host with this kernel is made, boots and ends."""
    return cast("Kind", importlib.import_module(_KINDS[kernel]))
