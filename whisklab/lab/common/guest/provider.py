"""What providers of virtual machines share: the verbs, each a series of steps of a fleet."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar, Generic, TypeVar

from whisklab.errors import BadInput, WhisklabError
from whisklab.lab.common.guest import record as records
from whisklab.lab.common.guest import snapshots
from whisklab.lab.common.guest.fleet import Fleet, Shelf
from whisklab.lab.common.guest.record import Record
from whisklab.lab.common.laps import Laps
from whisklab.lab.common.run import Report
from whisklab.lab.provider import Reached, Snapshot, Stopped, Unused, Up, Wish

_F = TypeVar("_F", bound=Fleet)


class GuestProvider(ABC, Generic[_F]):
    """The verbs of `whisklab.lab.provider.Provider` for virtual machines; a tool adds its hooks.

    Attributes:
        name: of the provider.
        tool: what people call the tool that makes the machines.
        units: what the tool calls machines.
        no_clone: why there is no clone.
    """

    name: ClassVar[str]
    tool: ClassVar[str]
    units: ClassVar[str]
    no_clone: ClassVar[str]
    asks: ClassVar = True

    def up(self, wish: Wish, report: Report, *, prune: bool = False, recover: bool = False) -> Up:
        """Make and start what is missing, and wait until all are set up."""
        laps, fleet, names = Laps(), self._fleet(wish, report), _names(wish)
        snapshots.refuse_half(fleet.record)
        fleet.refuse_taken(names)
        if not recover:
            fleet.refuse_deleted()
        fleet.refuse_others(fleet.record.members)
        extra = [name for name in fleet.record.members if name not in names]
        removed = fleet.remove(extra) if prune else []
        made = self._make(wish, fleet, laps)
        self._fit(wish, fleet, laps)
        done = self._started(wish, fleet, laps, made)
        return replace(done, removed=tuple(removed), left=() if prune else tuple(extra))

    def rebuild(self, wish: Wish, only: tuple[str, ...], report: Report) -> Up:
        """Remove machines and make them anew; names and keys stay."""
        laps, fleet, names = Laps(), self._fleet(wish, report), _names(wish)
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
        return self._started(wish, fleet, laps, self._make(wish, fleet, laps))

    def stop(self, lab: str, report: Report) -> Stopped:
        """Power all machines off, those of the group storage last."""
        fleet = self._known(lab, report)
        if fleet is None:
            return Stopped((), ())
        fleet.refuse_others(fleet.record.members)
        return Stopped(tuple(fleet.stop()), ())

    def down(self, lab: str, report: Report) -> tuple[str, ...]:
        """Remove all machines of the record, with their snapshots."""
        fleet = self._known(lab, report)
        if fleet is None:
            return ()
        fleet.refuse_others(fleet.record.members)
        removed = fleet.remove(list(fleet.record.members))
        self._forget(fleet.record)
        records.file_of(self.name, lab).unlink()
        return tuple(removed)

    def knows(self, lab: str) -> bool:
        """Whether there is a record."""
        return records.file_of(self.name, lab).exists()

    def machines(self, lab: str) -> Mapping[str, str]:
        """The machines of the record that there are, and the state of each."""
        fleet = self._known(lab, lambda _line: None)
        return fleet.told() if fleet else {}

    def snapshot(
        self,
        wish: Wish,
        name: str,
        files: Mapping[str, str],
        notes: Mapping[str, Any],
        report: Report,
    ) -> tuple[Snapshot, Up | None]:
        """Stop all machines, take a snapshot of each, and start those that ran."""
        laps, fleet = Laps(), self._fleet(wish, report)
        shelf = self._shelf(fleet)
        snapshots.refuse_half(fleet.record)
        snapshots.refuse_taken(shelf, name)
        shelf.refuse_states()
        fleet.refuse_others(fleet.record.members)
        ran = fleet.stop()
        with _again(fleet, ran):
            taken = snapshots.take(shelf, name, files, notes)
        laps.lap("snapshot")
        return taken, self._settled(wish, fleet, laps, ran, ran) if ran else None

    def snapshots(self, lab: str, report: Report) -> tuple[Snapshot, ...]:  # noqa: ARG002
        """All snapshots of a lab, the oldest first."""
        return snapshots.listed(self.name, lab)

    def recall(self, lab: str, name: str, report: Report) -> Mapping[str, str]:
        """The files that were kept with a snapshot that all machines still have."""
        fleet = self._known(lab, report)
        if fleet is None:
            raise BadInput(
                f"the lab {lab!r} is gone, and {self.tool} keeps snapshots with {self.units}"
            )
        kept = snapshots.files(fleet.record, name)
        snapshots.refuse_lost(self._shelf(fleet), name)
        return kept

    def restore(self, wish: Wish, name: str, report: Report) -> Up:
        """Stop all machines, have each as it was, and start them."""
        laps, fleet = Laps(), self._fleet(wish, report)
        shelf = self._shelf(fleet)
        snapshot = snapshots.refuse_lost(shelf, name)
        shelf.refuse_states()
        fleet.refuse_others(fleet.record.members)
        fleet.stop()
        laps.lap("stop")
        snapshots.restore(shelf, snapshot)
        laps.lap("disks")
        return self._started(wish, fleet, laps)

    def clone(
        self,
        wish: Wish,
        source: str,  # noqa: ARG002
        name: str | None,  # noqa: ARG002
        token: str,  # noqa: ARG002
        report: Report,  # noqa: ARG002
    ) -> tuple[Up, Up | None]:
        """Refuse, and say why."""
        raise BadInput(
            f"{wish.name}: {self.no_clone}: bring up {wish.name} by a topology of its own, "
            f"`whisklab make {wish.name}`"
        )

    def delete(self, lab: str, name: str, report: Report) -> Snapshot:
        """Remove a snapshot of all machines."""
        fleet = self._known(lab, report)
        if fleet is None:
            raise BadInput(f"there is no lab {lab!r} of {self.tool}'s {self.units}")
        return snapshots.delete(self._shelf(fleet), name)

    def kept(self) -> frozenset[str]:
        """Labs of which there are snapshots."""
        return snapshots.of(self.name)

    def clean(self, report: Report, *, dry: bool = False) -> tuple[Unused, ...]:  # noqa: ARG002
        """Nothing: the images are the tool's own."""
        return ()

    def _fleet(self, wish: Wish, report: Report) -> _F:
        """The machines of a lab, of which there may be none yet."""
        return self._of(records.read(self.name, wish.name) or self._new(wish), report)

    def _known(self, lab: str, report: Report) -> _F | None:
        """The machines of a lab; None when there is no lab."""
        record = records.read(self.name, lab)
        return self._of(record, report) if record else None

    def _started(self, wish: Wish, fleet: _F, laps: Laps, made: Iterable[str] = ()) -> Up:
        """Have all machines running and set up, some of which were just made."""
        names = _names(wish)
        began = self._start(fleet, names, laps)
        return self._settled(wish, fleet, laps, names, [*made, *began])

    def _settled(
        self, wish: Wish, fleet: _F, laps: Laps, names: Sequence[str], began: Iterable[str]
    ) -> Up:
        """Wait for machines, and tell how all are reached, also those that are off."""
        self._settle(wish, fleet, names)
        laps.lap("boot to SSH")
        machines = _reached(wish, fleet.record)
        return Up(machines, tuple(dict.fromkeys(began)), seconds=laps.spent)

    # The hooks: what differs from tool to tool.

    def _new(self, wish: Wish) -> Record:
        """The record of a lab that is begun."""
        return Record(self.name, wish.name, wish.user, wish.key)

    @abstractmethod
    def _of(self, record: Record, report: Report) -> _F:
        """The machines of a record."""

    @abstractmethod
    def _shelf(self, fleet: _F) -> Shelf:
        """Their snapshots."""

    @abstractmethod
    def _make(self, wish: Wish, fleet: _F, laps: Laps) -> list[str]:
        """Have all machines in the record, and make those that a start does not make."""

    @abstractmethod
    def _fit(self, wish: Wish, fleet: _F, laps: Laps) -> None:
        """Have ready what an `up` needs before machines are started."""

    def _start(self, fleet: _F, names: Sequence[str], laps: Laps) -> list[str]:  # noqa: ARG002
        """Have machines running; returns who was not."""
        return fleet.start(names)

    @abstractmethod
    def _settle(self, wish: Wish, fleet: _F, names: Sequence[str]) -> None:
        """Wait until machines answer and are set up; the record has then where they are."""

    def _forget(self, record: Record) -> None:
        """Remove what was kept of a lab whose machines are gone, but its record."""
        snapshots.forget(record)


@contextmanager
def _again(fleet: Fleet, ran: Sequence[str]) -> Iterator[None]:
    """Have machines running afterwards, whatever became of it; both failures are told."""
    try:
        yield
    except WhisklabError as first:
        try:
            fleet.start(ran)
        except WhisklabError as second:
            raise WhisklabError(f"{first}; and afterwards: {second}") from second
        raise
    except BaseException:
        fleet.start(ran)
        raise
    fleet.start(ran)


def _names(wish: Wish) -> list[str]:
    return [each.name for each in wish.machines]


def _reached(wish: Wish, record: Record) -> dict[str, Reached]:
    """How each machine is reached, or was last; without those that were never ready."""
    found = {}
    for each in wish.machines:
        known = record.members.get(each.name)
        if known and known.address:
            place = known.host or str(known.address)
            found[each.name] = Reached(known.address, place, known.port, known.card)
    return found
