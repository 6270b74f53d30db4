"""The provider's face: what Vagrant does otherwise than other makers of virtual machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import ClassVar

from whisklab.errors import BadInput
from whisklab.lab.common.guest import capacity
from whisklab.lab.common.guest.clock import Clock
from whisklab.lab.common.guest.provider import GuestProvider
from whisklab.lab.common.guest.reach import Reach, public_of
from whisklab.lab.common.guest.record import Record
from whisklab.lab.common.laps import Laps
from whisklab.lab.common.machine import Machine
from whisklab.lab.common.run import Report
from whisklab.lab.provider import Wish
from whisklab.lab.providers.vagrant import domains, network
from whisklab.lab.providers.vagrant.client import Client, Program, vagrant
from whisklab.lab.providers.vagrant.computer import LIBVIRT, VIRTUALBOX, Looks
from whisklab.lab.providers.vagrant.description import DESCRIPTION, box, describe, forget
from whisklab.lab.providers.vagrant.fleet import Fleet
from whisklab.lab.providers.vagrant.home import at_home, data_of, home_of, require_home


class Vagrant(GuestProvider[Fleet]):
    """Machines that Vagrant makes; it calls them by their names, the hypervisor LAB-MACHINE.

    Args:
        program: runs Vagrant.
        reach: asks machines by SSH.
        clock: by which it is waited.
        looks: at this computer.
    """

    name: ClassVar = "vagrant"
    tool: ClassVar = "Vagrant"
    units: ClassVar = "machines"
    no_clone: ClassVar = "Vagrant copies no machines"
    keys: ClassVar = frozenset(
        {"network", "address", "image", "hypervisor", "cpus", "memory", "disk"}
    )
    defaults: ClassVar[Mapping[str, str]] = {
        "image": "bento/ubuntu-24.04", "network": "192.168.56.0/24",
    }  # fmt: skip

    def __init__(
        self,
        program: Program = vagrant,
        reach: Reach | None = None,
        clock: Clock | None = None,
        looks: Looks | None = None,
    ) -> None:
        self._program, self._reach = program, reach or Reach()
        self._clock, self._looks = clock or Clock(), looks or Looks()

    def check(self, wish: Wish) -> None:
        """Refuse what Vagrant, its hypervisor or this computer would refuse later."""
        fleet = self._fleet(wish, lambda _line: None)
        hypervisor = self._by(fleet.record, wish)
        network.refuse_cluster(wish.network)
        if hypervisor == VIRTUALBOX:
            network.refuse_outside(wish.network, self._looks.networks())
        else:
            self._refuse_left(fleet, wish)
        capacity.refuse(_new(wish, fleet.record), 0, self._looks.size(hypervisor))

    def _refuse_left(self, fleet: Fleet, wish: Wish) -> None:
        """Refuse what libvirt has of our names and Vagrant, asked if need be, does not know."""
        names, there = [f"{wish.name}-{each.name}" for each in wish.machines], self._looks.domains()
        if there.intersection(names):
            fleet.forget_lost()
            known = {fleet.record.instance(name) for name in fleet.there()}
            domains.refuse_left(names, known, there)

    def prepare(self, wish: Wish, report: Report) -> None:
        """Fetch the box."""
        self._boxed(self._fleet(wish, report), wish)

    def _by(self, record: Record, wish: Wish) -> str:
        """The hypervisor of a lab: that of its machines, where it has any.

        Raises:
            BadInput: the topology says another one.
        """
        wanted = wish.options.get("hypervisor")
        if record.members and record.by and wanted not in (None, record.by):
            raise BadInput(
                f"hypervisor: the machines of {record.lab} are those of {record.by}: `whisklab "
                f"down {record.lab}` first, or give the new lab another name"
            )
        return wanted or (record.by if record.members else "") or self._looks.hypervisor()

    def _new(self, wish: Wish) -> Record:
        return replace(super()._new(wish), home=Path.cwd())

    def _of(self, record: Record, report: Report) -> Fleet:
        at_home(record)
        client = Client(home_of(record), data_of(record), self._program)
        return Fleet(client, self._reach, self._clock, record, report)

    def _fleet(self, wish: Wish, report: Report) -> Fleet:
        fleet = super()._fleet(wish, report)
        require_home(fleet.record)
        return fleet

    def _known(self, lab: str, report: Report) -> Fleet | None:
        fleet = super()._known(lab, report)
        if fleet is not None:
            require_home(fleet.record)
        return fleet

    def _shelf(self, fleet: Fleet) -> Fleet:
        return fleet

    def _make(self, wish: Wish, fleet: Fleet, laps: Laps) -> list[str]:  # noqa: ARG002
        """Have all machines in the record and in the description; their start makes them."""
        fleet.record.by = self._by(fleet.record, wish)
        new = _new(wish, fleet.record)
        for said in filter(None, self._remarks(new, fleet.record.by)):
            fleet.report(said)
        for each in new:  # it was never ready, and gets its files
            fleet.record.begun(each.name, each.groups, public_of(wish.host_keys[each.name]))
        # The description first: a record without one would leave Vagrant with no machines to tell.
        describe(wish, fleet.record, data_of(fleet.record))
        fleet.record.save()
        return []

    def _remarks(self, new: Sequence[Machine], hypervisor: str) -> Iterator[str]:
        """What is to be said before machines are made."""
        if new:
            libvirt = hypervisor == LIBVIRT
            yield self._looks.firewall() if libvirt else self._looks.kvm()
            yield capacity.remark(new, 0, self._looks.size(hypervisor))

    def _fit(self, wish: Wish, fleet: Fleet, laps: Laps) -> None:
        self._boxed(fleet, wish)
        laps.lap("box")

    def _boxed(self, fleet: Fleet, wish: Wish) -> None:
        """Have the box here, so that what is wrong with it is told before any machine is made."""
        if not (data_of(fleet.record) / DESCRIPTION).exists():
            return  # Vagrant reads the description for every command
        (name, version), hypervisor = box(wish.options["image"]), self._by(fleet.record, wish)
        ours = self._looks.architecture()
        if not any(each.fits(name, version, hypervisor, ours) for each in fleet.client.boxes()):
            fleet.report(f"fetching the box {wish.options['image']} for {hypervisor}")
            fleet.client.add_box(name, version, hypervisor)

    def _start(self, fleet: Fleet, names: Sequence[str], laps: Laps) -> list[str]:
        began = super()._start(fleet, names, laps)
        laps.lap("machines")
        return began

    def _settle(self, wish: Wish, fleet: Fleet, names: Sequence[str]) -> None:
        fleet.settle({each.name: each.address for each in wish.machines if each.name in names})

    def _forget(self, record: Record) -> None:
        super()._forget(record)
        forget(data_of(record))


PROVIDER = Vagrant


def _new(wish: Wish, record: Record) -> list[Machine]:
    """The machines of a lab that were never ready."""
    known = {name for name, each in record.members.items() if each.address is not None}
    return [each for each in wish.machines if each.name not in known]
