"""The provider's face: what is asked of all providers, done by Vagrant's command line."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from ipaddress import IPv4Network
from pathlib import Path
from typing import Any, ClassVar

from whisklab.errors import BadInput
from whisklab.lab.common.guest import record as records
from whisklab.lab.common.guest import snapshots
from whisklab.lab.common.guest.clock import Clock
from whisklab.lab.common.guest.reach import Reach, public_of
from whisklab.lab.common.guest.record import Record
from whisklab.lab.common.laps import Laps
from whisklab.lab.common.run import Report
from whisklab.lab.provider import Reached, Snapshot, Stopped, Unused, Up, Wish
from whisklab.lab.providers.vagrant.client import Client, Program, vagrant
from whisklab.lab.providers.vagrant.description import (
    DESCRIPTION,
    box,
    describe,
    forget,
)
from whisklab.lab.providers.vagrant.fleet import RUNNING, Fleet
from whisklab.lab.providers.vagrant.home import at_home, data_of, home_of, require_home

NAME = "vagrant"
LIBVIRT, VIRTUALBOX = "libvirt", "virtualbox"
# Where VirtualBox has host-only networks unless this file allows others (Vagrant's network.rb).
_ALLOWED, _RANGES = IPv4Network("192.168.56.0/21"), Path("/etc/vbox/networks.conf")


def found_hypervisor() -> str:
    """Return the hypervisor that this computer has; VirtualBox where it has both, or neither."""
    return LIBVIRT if shutil.which("virsh") and not shutil.which("VBoxManage") else VIRTUALBOX


class Vagrant:
    """Machines that Vagrant makes; it calls them by their names, the hypervisor LAB-MACHINE.

    Args:
        program: runs Vagrant.
        reach: asks machines by SSH.
        clock: by which it is waited.
        hypervisor: returns the one of this computer.
    """

    keys: ClassVar = frozenset(
        {"network", "address", "image", "hypervisor", "cpus", "memory", "disk"}
    )
    defaults: ClassVar[Mapping[str, str]] = {
        "image": "bento/ubuntu-24.04", "network": "192.168.56.0/24",
    }  # fmt: skip
    asks: ClassVar = True

    def __init__(
        self,
        program: Program = vagrant,
        reach: Reach | None = None,
        clock: Clock | None = None,
        hypervisor: Callable[[], str] = found_hypervisor,
    ) -> None:
        self._program, self._reach = program, reach or Reach()
        self._clock, self._hypervisor = clock or Clock(), hypervisor

    def check(self, wish: Wish) -> None:
        """Refuse a directory without a Vagrantfile, and a network that VirtualBox would refuse."""
        record = self._fleet(wish, lambda _line: None).record
        require_home(record)
        hypervisor = self._by(record, wish)
        if hypervisor == VIRTUALBOX and not (_RANGES.exists() or _inside(wish.network)):
            raise BadInput(
                f"network: expected one in {_ALLOWED}, VirtualBox's own, or what {_RANGES} allows, "
                f"got {wish.network}"
            )

    def prepare(self, wish: Wish, report: Report) -> None:
        """Fetch the box."""
        self._boxed(self._fleet(wish, report), wish)

    def up(
        self,
        wish: Wish,
        report: Report,
        *,
        prune: bool = False,
        recover: bool = False,  # noqa: ARG002  what is deleted here is gone
    ) -> Up:
        """Make and start what is missing, and wait until all are set up."""
        laps, fleet = Laps(), self._fleet(wish, report)
        names = [each.name for each in wish.machines]
        snapshots.refuse_half(fleet.record)
        fleet.refuse_others(fleet.record.members)
        extra = [name for name in fleet.record.members if name not in names]
        removed = fleet.remove(extra) if prune else []
        self._described(wish, fleet)
        self._boxed(fleet, wish)
        laps.lap("box")
        began = fleet.start(names, self._by(fleet.record, wish))
        laps.lap("machines")
        return self._settled(wish, fleet, laps, began, removed=tuple(removed),
                             left=() if prune else tuple(extra))  # fmt: skip

    def rebuild(self, wish: Wish, only: tuple[str, ...], report: Report) -> Up:
        """Destroy machines and make them anew; names, addresses and keys stay."""
        laps, fleet = Laps(), self._fleet(wish, report)
        names = [each.name for each in wish.machines]
        if strange := [name for name in only if name not in names]:
            raise BadInput(
                f"the lab {wish.name!r} has no machine {strange[0]!r}; it has {', '.join(names)}"
            )
        chosen = [name for name in only or names if name in fleet.record.members]
        snapshots.refuse_half(fleet.record)
        fleet.refuse_others(chosen)
        fleet.remove(chosen)
        self._described(wish, fleet)
        laps.lap("removal")
        began = fleet.start(names, self._by(fleet.record, wish))
        laps.lap("machines")
        return self._settled(wish, fleet, laps, began)

    def stop(self, lab: str, report: Report) -> Stopped:
        """Halt all machines, those of the group storage last."""
        fleet = self._known(lab, report)
        if fleet is None:
            return Stopped((), ())
        fleet.refuse_others(fleet.record.members)
        return Stopped(tuple(fleet.stop()), ())

    def down(self, lab: str, report: Report) -> tuple[str, ...]:
        """Destroy all machines, with their snapshots."""
        fleet = self._known(lab, report)
        if fleet is None:
            return ()
        fleet.refuse_others(fleet.record.members)
        removed = fleet.remove(list(fleet.record.members))
        snapshots.forget(fleet.record)
        forget(data_of(fleet.record))
        records.file_of(NAME, lab).unlink()
        return tuple(removed)

    def knows(self, lab: str) -> bool:
        """Whether there is a record."""
        return records.file_of(NAME, lab).exists()

    def machines(self, lab: str) -> Mapping[str, bool]:
        """The machines of the record that there are; one runs when Vagrant says so."""
        fleet = self._known(lab, lambda _line: None)
        if fleet is None:
            return {}
        states = fleet.states()
        return {name: states[name] == RUNNING for name in fleet.there()}

    def snapshot(
        self,
        wish: Wish,
        name: str,
        files: Mapping[str, str],
        notes: Mapping[str, Any],
        report: Report,
    ) -> tuple[Snapshot, Up | None]:
        """Halt all machines, take a snapshot of each, and start those that ran."""
        laps, fleet = Laps(), self._fleet(wish, report)
        snapshots.refuse_half(fleet.record)
        snapshots.refuse_taken(fleet, name)
        fleet.refuse_others(fleet.record.members)
        ran = fleet.stop()
        try:
            taken = snapshots.take(fleet, name, files, notes)
        finally:
            fleet.start(ran, self._by(fleet.record, wish))
        laps.lap("snapshot")
        return taken, self._settled(wish, fleet, laps, ran, only=ran) if ran else None

    def snapshots(self, lab: str, report: Report) -> tuple[Snapshot, ...]:  # noqa: ARG002
        """All snapshots of a lab, the oldest first."""
        return snapshots.listed(NAME, lab)

    def recall(self, lab: str, name: str, report: Report) -> Mapping[str, str]:
        """The files that were kept with a snapshot that all machines still have."""
        fleet = self._known(lab, report)
        if fleet is None:
            raise BadInput(f"the lab {lab!r} is gone, and Vagrant keeps snapshots with machines")
        kept = snapshots.files(fleet.record, name)
        snapshots.refuse_lost(fleet, name)
        return kept

    def restore(self, wish: Wish, name: str, report: Report) -> Up:
        """Halt all machines, have each as it was, and start them."""
        laps, fleet = Laps(), self._fleet(wish, report)
        snapshot = snapshots.refuse_lost(fleet, name)
        fleet.refuse_others(fleet.record.members)
        fleet.stop()
        laps.lap("stop")
        snapshots.restore(fleet, snapshot)
        laps.lap("disks")
        began = fleet.start([each.name for each in wish.machines], self._by(fleet.record, wish))
        laps.lap("machines")
        return self._settled(wish, fleet, laps, began)

    def clone(
        self,
        wish: Wish,
        source: str,  # noqa: ARG002
        name: str | None,  # noqa: ARG002
        token: str,  # noqa: ARG002
        report: Report,  # noqa: ARG002
    ) -> tuple[Up, Up | None]:
        """Refuse: Vagrant has none."""
        raise BadInput(
            f"{wish.name}: Vagrant copies no machines: bring up {wish.name} by a topology of its "
            f"own, `whisklab make {wish.name}`"
        )

    def delete(self, lab: str, name: str, report: Report) -> Snapshot:
        """Remove a snapshot of all machines."""
        fleet = self._known(lab, report)
        if fleet is None:
            raise BadInput(f"there is no lab {lab!r} of Vagrant's machines")
        return snapshots.delete(fleet, name)

    def kept(self) -> frozenset[str]:
        """Labs of which there are snapshots."""
        return snapshots.of(NAME)

    def clean(self, report: Report, *, dry: bool = False) -> tuple[Unused, ...]:  # noqa: ARG002
        """Nothing: the boxes are Vagrant's own."""
        return ()

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
        return wanted or (record.by if record.members else "") or self._hypervisor()

    def _fleet(self, wish: Wish, report: Report) -> Fleet:
        """The machines of a lab, of which there may be none yet."""
        record = records.read(NAME, wish.name) or Record(
            NAME, wish.name, wish.user, wish.key, home=Path.cwd()
        )
        return self._with(at_home(record), report)

    def _known(self, lab: str, report: Report) -> Fleet | None:
        """The machines of a lab; None when there is no lab."""
        record = records.read(NAME, lab)
        if record is None:
            return None
        require_home(at_home(record))
        return self._with(record, report)

    def _with(self, record: Record, report: Report) -> Fleet:
        client = Client(home_of(record), data_of(record), self._program)
        return Fleet(client, self._reach, self._clock, record, report)

    def _described(self, wish: Wish, fleet: Fleet) -> None:
        """Have all machines in the record and in the description, before any is made."""
        fleet.record.by = self._by(fleet.record, wish)
        for each in wish.machines:
            known = fleet.record.members.get(each.name)
            if known is None or known.address is None:  # it was never ready, and gets its files
                key = public_of(wish.host_keys[each.name])
                fleet.record.begun(each.name, each.groups, key)
        # The description first: a record without one would leave Vagrant with no machines to tell.
        describe(wish, fleet.record, data_of(fleet.record))
        fleet.record.save()

    def _boxed(self, fleet: Fleet, wish: Wish) -> None:
        """Have the box here, so that what is wrong with it is told before any machine is made."""
        if not (data_of(fleet.record) / DESCRIPTION).exists():
            return  # Vagrant reads the description for every command
        (name, version), hypervisor = box(wish.options["image"]), self._by(fleet.record, wish)
        there = {(each, by) for each, by, has in fleet.client.boxes() if version in ("", has)}
        if (name, hypervisor) not in there:
            fleet.report(f"fetching the box {wish.options['image']} for {hypervisor}")
            fleet.client.add_box(name, version, hypervisor)

    def _settled(
        self, wish: Wish, fleet: Fleet, laps: Laps, began: list[str], *,
        removed: tuple[str, ...] = (), left: tuple[str, ...] = (),
        only: Sequence[str] | None = None,
    ) -> Up:  # fmt: skip
        """Wait for machines (all, unless only some run), and tell how each is reached."""
        found = fleet.settle(
            {each.name: each.address for each in wish.machines if only is None or each.name in only}
        )
        laps.lap("boot to SSH")
        machines = {}
        for each in wish.machines:
            known = fleet.record.members.get(each.name)
            if each.name in found:
                place, card = found[each.name]
                machines[each.name] = Reached(each.address, place.address, place.port, card)
            elif known and known.address:  # it is off
                machines[each.name] = Reached(each.address, known.host, known.port, known.card)
        return Up(machines, tuple(began), left, removed, laps.spent)


PROVIDER = Vagrant()


def _inside(network: IPv4Network) -> bool:
    return network.subnet_of(_ALLOWED)
