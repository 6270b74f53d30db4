"""The provider's face: what is asked of all providers, done by Multipass's command line."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from whisklab.errors import BadInput
from whisklab.lab.common.guest import record as records
from whisklab.lab.common.guest import snapshots
from whisklab.lab.common.guest.clock import Clock
from whisklab.lab.common.guest.reach import Reach, public_of
from whisklab.lab.common.guest.record import Record
from whisklab.lab.common.laps import Laps
from whisklab.lab.common.machine import SSH, Machine
from whisklab.lab.common.run import Report
from whisklab.lab.provider import Reached, Snapshot, Stopped, Unused, Up, Wish
from whisklab.lab.providers.multipass import capacity
from whisklab.lab.providers.multipass.capacity import Computer, here
from whisklab.lab.providers.multipass.client import Client, Launch
from whisklab.lab.providers.multipass.fleet import Fleet
from whisklab.lab.providers.multipass.instances import State
from whisklab.lab.providers.multipass.resize import resize, sizes
from whisklab.lab.providers.multipass.shelf import Shelf
from whisklab.lab.providers.multipass.user_data import user_data
from whisklab.lab.sizes import of_groups

NAME = "multipass"
_LAUNCH_WITHIN, _PER_GIB = 600, 6  # seconds: for an image of half a gigabyte, and for the disk
_GIB = 1024**3


class Multipass:
    """Machines that are instances of Multipass, called LAB-MACHINE there.

    Args:
        client: its command line.
        reach: asks machines by SSH.
        clock: by which it is waited.
        computer: looks at this one.
    """

    keys: ClassVar = frozenset({"image", "cpus", "memory", "disk"})
    defaults: ClassVar[Mapping[str, str]] = {"image": "24.04"}
    asks: ClassVar = True

    def __init__(
        self,
        client: Client | None = None,
        reach: Reach | None = None,
        clock: Clock | None = None,
        computer: Callable[[], Computer] = here,
    ) -> None:
        self._clock = clock or Clock()
        self._client = client or Client(clock=self._clock)
        self._reach = reach or Reach()
        self._computer = computer

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

    def up(self, wish: Wish, report: Report, *, prune: bool = False, recover: bool = False) -> Up:
        """Launch and start what is missing, and wait until all are set up."""
        laps, fleet = Laps(), self._fleet(wish, report)
        names = [each.name for each in wish.machines]
        snapshots.refuse_half(fleet.record)
        fleet.refuse_taken(names)
        if not recover:
            fleet.refuse_deleted()
        fleet.refuse_others(fleet.record.members)
        extra = [name for name in fleet.record.members if name not in names]
        removed = fleet.remove(extra) if prune else []
        made = self._make(wish, fleet)
        laps.lap("launch")
        resize(fleet, wish.machines)
        began = fleet.start(names)
        fleet.settle(names)
        laps.lap("boot to SSH")
        started = dict.fromkeys([*made, *began])
        return self._up(fleet.record, wish, laps, started=tuple(started), removed=tuple(removed),
                        left=() if prune else tuple(extra))  # fmt: skip

    def rebuild(self, wish: Wish, only: tuple[str, ...], report: Report) -> Up:
        """Remove instances and launch them anew; names and keys stay."""
        laps, fleet = Laps(), self._fleet(wish, report)
        names = [each.name for each in wish.machines]
        fleet.refuse_taken(names)
        if strange := [name for name in only if name not in names]:
            raise BadInput(
                f"the lab {wish.name!r} has no machine {strange[0]!r}; it has {', '.join(names)}"
            )
        chosen = [name for name in only or names if name in fleet.record.members]
        snapshots.refuse_half(fleet.record)
        fleet.refuse_deleted(but=chosen)
        fleet.refuse_others(chosen)
        fleet.remove(chosen)
        laps.lap("removal")
        made = self._make(wish, fleet)
        laps.lap("launch")
        began = fleet.start(names)
        fleet.settle(names)
        laps.lap("boot to SSH")
        return self._up(fleet.record, wish, laps, started=tuple(dict.fromkeys([*made, *began])))

    def stop(self, lab: str, report: Report) -> Stopped:
        """Stop all instances, those of the group storage last."""
        fleet = self._known(lab, report)
        if fleet is None:
            return Stopped((), ())
        fleet.refuse_others(fleet.record.members)
        return Stopped(tuple(fleet.stop()), ())

    def down(self, lab: str, report: Report) -> tuple[str, ...]:
        """Remove all instances of the record, with their snapshots."""
        fleet = self._known(lab, report)
        if fleet is None:
            return ()
        fleet.refuse_others(fleet.record.members)
        removed = fleet.remove(list(fleet.record.members))
        snapshots.forget(fleet.record)
        records.file_of(NAME, lab).unlink()
        return tuple(removed)

    def knows(self, lab: str) -> bool:
        """Whether there is a record."""
        return records.file_of(NAME, lab).exists()

    def machines(self, lab: str) -> Mapping[str, bool]:
        """The machines of the record that there are; one runs when Multipass says so."""
        fleet = self._known(lab, lambda _line: None)
        there = fleet.listed() if fleet else {}
        return {name: instance.state is State.RUNNING for name, instance in there.items()}

    def snapshot(
        self,
        wish: Wish,
        name: str,
        files: Mapping[str, str],
        notes: Mapping[str, Any],
        report: Report,
    ) -> tuple[Snapshot, Up | None]:
        """Stop all instances, take a snapshot of each, and start those that ran."""
        laps, fleet = Laps(), self._fleet(wish, report)
        shelf = Shelf(fleet)
        snapshots.refuse_half(fleet.record)
        snapshots.refuse_taken(shelf, name)
        shelf.refuse_states()
        fleet.refuse_others(fleet.record.members)
        ran = fleet.stop()
        try:
            taken = snapshots.take(shelf, name, files, notes)
        finally:
            fleet.start(ran)
        laps.lap("snapshot")
        if not ran:
            return taken, None
        fleet.settle(ran)
        laps.lap("boot to SSH")
        return taken, self._up(fleet.record, wish, laps, started=tuple(ran))

    def snapshots(self, lab: str, report: Report) -> tuple[Snapshot, ...]:  # noqa: ARG002
        """All snapshots of a lab, the oldest first."""
        return snapshots.listed(NAME, lab)

    def recall(self, lab: str, name: str, report: Report) -> Mapping[str, str]:
        """The files that were kept with a snapshot that all instances still have."""
        fleet = self._known(lab, report)
        if fleet is None:
            raise BadInput(f"the lab {lab!r} is gone, and Multipass keeps snapshots with instances")
        kept = snapshots.files(fleet.record, name)
        snapshots.refuse_lost(Shelf(fleet), name)
        return kept

    def restore(self, wish: Wish, name: str, report: Report) -> Up:
        """Stop all instances, have each as it was, and start them."""
        laps, fleet = Laps(), self._fleet(wish, report)
        shelf = Shelf(fleet)
        snapshot = snapshots.refuse_lost(shelf, name)
        shelf.refuse_states()
        fleet.refuse_others(fleet.record.members)
        fleet.stop()
        laps.lap("stop")
        snapshots.restore(shelf, snapshot)
        laps.lap("disks")
        names = [each.name for each in wish.machines]
        fleet.start(names)
        fleet.settle(names)
        laps.lap("boot to SSH")
        return self._up(fleet.record, wish, laps, started=tuple(names))

    def clone(
        self,
        wish: Wish,
        source: str,  # noqa: ARG002
        name: str | None,  # noqa: ARG002
        token: str,  # noqa: ARG002
        report: Report,  # noqa: ARG002
    ) -> tuple[Up, Up | None]:
        """Refuse: a clone has other addresses, and a cluster remembers those that it had."""
        raise BadInput(
            f"{wish.name}: Multipass gives the clone of an instance another address, which the "
            f"cluster in it would not survive: bring up {wish.name} by a topology of its own, "
            f"`whisklab make {wish.name}`"
        )

    def delete(self, lab: str, name: str, report: Report) -> Snapshot:
        """Remove a snapshot of all instances."""
        fleet = self._known(lab, report)
        if fleet is None:
            raise BadInput(f"there is no lab {lab!r} of Multipass's instances")
        return snapshots.delete(Shelf(fleet), name)

    def kept(self) -> frozenset[str]:
        """Labs of which there are snapshots."""
        return snapshots.of(NAME)

    def clean(self, report: Report, *, dry: bool = False) -> tuple[Unused, ...]:  # noqa: ARG002
        """Nothing: the images are Multipass's own."""
        return ()

    def _fleet(self, wish: Wish, report: Report) -> Fleet:
        """The instances of a lab, of which there may be none yet."""
        record = records.read(NAME, wish.name) or Record(NAME, wish.name, wish.user, wish.key)
        return Fleet(self._client, self._reach, self._clock, record, report)

    def _known(self, lab: str, report: Report) -> Fleet | None:
        """The instances of a lab; None when there is no lab."""
        record = records.read(NAME, lab)
        return Fleet(self._client, self._reach, self._clock, record, report) if record else None

    def _missing(self, wish: Wish) -> list[Machine]:
        there = self._client.list()
        return [each for each in wish.machines if f"{wish.name}-{each.name}" not in there]

    def _used(self) -> int:
        """Bytes of memory of all instances that run."""
        running = (each for each in self._client.list().values() if each.state is State.RUNNING)
        return sum(sizes(self._client, each.name).memory for each in running)

    def _make(self, wish: Wish, fleet: Fleet) -> list[str]:
        """Launch what is not there; the record has it before."""
        missing = self._missing(wish)
        for each in missing:
            fleet.record.begun(each.name, each.groups, public_of(wish.host_keys[each.name]))
        fleet.record.save()
        if said := capacity.remark(missing, self._computer()):
            fleet.report(said)
        fleet.launch([_launch(wish, each, fleet.record) for each in missing])
        return [each.name for each in missing]

    def _up(
        self, record: Record, wish: Wish, laps: Laps, *, started: tuple[str, ...],
        removed: tuple[str, ...] = (), left: tuple[str, ...] = (),
    ) -> Up:  # fmt: skip
        machines = {}
        for each in wish.machines:
            address = record.members[each.name].address
            if address is None:
                raise AssertionError(each.name)
            machines[each.name] = Reached(address, str(address), SSH)
        return Up(machines, started, left, removed, laps.spent)


PROVIDER = Multipass()


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
