"""The provider's face: what Multipass does otherwise than other makers of virtual machines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import ClassVar

from whisklab.errors import BadInput
from whisklab.lab.common.guest import capacity
from whisklab.lab.common.guest.capacity import Computer
from whisklab.lab.common.guest.clock import Clock
from whisklab.lab.common.guest.firewall import hint
from whisklab.lab.common.guest.provider import GuestProvider
from whisklab.lab.common.guest.reach import Reach, public_of
from whisklab.lab.common.guest.record import Record
from whisklab.lab.common.laps import Laps
from whisklab.lab.common.machine import Machine
from whisklab.lab.common.run import Report
from whisklab.lab.provider import Wish
from whisklab.lab.providers.multipass import grown
from whisklab.lab.providers.multipass.client import Client, Launch
from whisklab.lab.providers.multipass.fleet import Fleet
from whisklab.lab.providers.multipass.instances import State
from whisklab.lab.providers.multipass.resize import disk, resize, sizes
from whisklab.lab.providers.multipass.shelf import Shelf
from whisklab.lab.providers.multipass.user_data import user_data
from whisklab.lab.sizes import of_groups

_LAUNCH_WITHIN, _PER_GIB = 600, 6  # seconds: for an image of half a gigabyte, and for the disk
_GIB = 1024**3
# Where the daemon keeps disks (the snap's; elsewhere its directory is root's alone).
_DISKS = (Path("/var/snap/multipass/common"), Path("/var/root/Library/Application Support"))


def here() -> Computer:
    """Look at this computer."""
    return capacity.here(_DISKS)


class Multipass(GuestProvider[Fleet]):
    """Machines that are instances of Multipass, called LAB-MACHINE there.

    Args:
        client: its command line.
        reach: asks machines by SSH.
        clock: by which it is waited.
        computer: looks at this one.
        firewall: returns what is to be said of its firewall.
    """

    name: ClassVar = "multipass"
    tool: ClassVar = "Multipass"
    units: ClassVar = "instances"
    no_clone: ClassVar = (
        "Multipass gives the clone of an instance another address, which the cluster in it would "
        "not survive"
    )
    keys: ClassVar = frozenset({"image", "cpus", "memory", "disk"})
    defaults: ClassVar[Mapping[str, str]] = {"image": "24.04"}

    def __init__(
        self,
        client: Client | None = None,
        reach: Reach | None = None,
        clock: Clock | None = None,
        computer: Callable[[], Computer] = here,
        firewall: Callable[[], str] = hint,
    ) -> None:
        self._clock = clock or Clock()
        self._client = client or Client(clock=self._clock)
        self._reach = reach or Reach()
        self._computer, self._firewall = computer, firewall

    def check(self, wish: Wish) -> None:
        """Refuse names that mean something else to Multipass, and what this computer cannot run."""
        primary = self._client.setting("client.primary-name")
        names = {f"{wish.name}-{each.name}" for each in wish.machines}
        if primary in names:
            raise BadInput(
                f"{primary}: Multipass mounts your home directory into the instance of this name "
                "(client.primary-name): take another name for the lab or the machine"
            )
        capacity.refuse(self._missing(wish), self._used(), self._computer())

    def prepare(self, wish: Wish, report: Report) -> None:
        """Nothing: Multipass fetches an image with the first launch."""

    def _missing(self, wish: Wish) -> list[Machine]:
        there = self._client.list()
        return [each for each in wish.machines if f"{wish.name}-{each.name}" not in there]

    def _used(self) -> int:
        """Bytes of memory of all instances that run."""
        running = (each for each in self._client.list().values() if each.state is State.RUNNING)
        return sum(sizes(self._client, each.name).memory for each in running)

    def _reserved(self) -> int:
        """Bytes that the disks of all instances may have, be they stopped or deleted."""
        return sum(disk(self._client, each) for each in self._client.list())

    def _of(self, record: Record, report: Report) -> Fleet:
        return Fleet(self._client, self._reach, self._clock, record, report, self._firewall)

    def _shelf(self, fleet: Fleet) -> Shelf:
        return Shelf(fleet)

    def _make(self, wish: Wish, fleet: Fleet, laps: Laps) -> list[str]:
        """Launch what is not there; the record has it before."""
        missing = self._missing(wish)
        for each in missing:
            fleet.record.begun(each.name, each.groups, public_of(wish.host_keys[each.name]))
        fleet.record.save()
        if missing:
            room = capacity.remark(missing, self._reserved(), self._computer())
            for said in filter(None, (self._firewall(), room)):
                fleet.report(said)
        fleet.launch([_launch(wish, each, fleet.record) for each in missing])
        laps.lap("launch")
        return [each.name for each in missing]

    def _fit(self, wish: Wish, fleet: Fleet, laps: Laps) -> None:  # noqa: ARG002
        resize(fleet, wish.machines)

    def _settle(self, wish: Wish, fleet: Fleet, names: Sequence[str]) -> None:  # noqa: ARG002
        fleet.settle(names)
        grown.tell(fleet, [name for name in fleet.grown if name in names])


PROVIDER = Multipass


def _launch(wish: Wish, machine: Machine, record: Record) -> Launch:
    size = machine.size or of_groups(machine.groups)
    return Launch(
        name=record.instance(machine.name),
        image=wish.options["image"],
        cpus=size.cpus,
        memory=size.memory,
        disk=size.disk,
        user_data=user_data(wish, machine, record.token),
        within=_LAUNCH_WITHIN + _PER_GIB * (size.disk // _GIB),
    )
