"""What the verbs ask of the virtual machines of one lab, and of their snapshots."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Protocol

from whisklab.lab.common.guest.record import Record
from whisklab.lab.common.run import Report


class Fleet(Protocol):
    """The machines of one lab. Each step may be done again.

    All raise WhisklabError when something cannot be done, and BadInput when it could never be.
    """

    @property
    def record(self) -> Record:
        """What is known of the lab."""

    @property
    def report(self) -> Report:
        """Who hears of each step."""

    def told(self) -> Mapping[str, str]:
        """The machines of the record that there are, and the state of each: see `machines`."""

    def refuse_taken(self, names: Iterable[str]) -> None:
        """Refuse machines that have our names and were not begun by us."""

    def refuse_deleted(self, but: Iterable[str] = ()) -> None:
        """Refuse what is deleted and can be had back; but not those that are made anew."""

    def refuse_others(self, names: Collection[str]) -> None:
        """Refuse machines that turn out to be another's, before anything is changed."""

    def start(self, names: Iterable[str]) -> list[str]:
        """Have machines running, those of the group storage first; returns who was not."""

    def stop(self) -> list[str]:
        """Power all machines off, those of the group storage last; returns those that ran."""

    def remove(self, names: Iterable[str]) -> list[str]:
        """Remove machines for good, from the record, too; returns those that there were."""


class Shelf(Protocol):
    """What a tool does about snapshots of single machines, all of them stopped."""

    @property
    def record(self) -> Record:
        """What is known of the lab."""

    @property
    def report(self) -> Report:
        """Who hears of each step."""

    def refuse_states(self) -> None:
        """Refuse machines of which no snapshot can be taken, before anything is stopped."""

    def there(self) -> Iterable[str]:
        """The machines that there are, and that can be started."""

    def kept(self) -> Mapping[str, frozenset[str]]:
        """The names of the snapshots of each machine."""

    def keep(self, machine: str, own: str, comment: str) -> None:
        """Take a snapshot."""

    def put_back(self, machine: str, own: str) -> None:
        """Have a machine as it was; what it is now is lost."""

    def drop(self, machine: str, own: str) -> None:
        """Remove a snapshot; nothing when there is none."""

    def size(self) -> int:
        """Bytes that the disks of all machines may have."""
