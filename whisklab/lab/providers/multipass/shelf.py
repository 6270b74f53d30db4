"""Snapshots of single instances, as Multipass takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from whisklab.errors import WhisklabError
from whisklab.lab.providers.multipass.failures import NO_SNAPSHOTS_OF_DRIVER
from whisklab.lab.providers.multipass.fleet import Fleet
from whisklab.lab.providers.multipass.instances import State
from whisklab.lab.providers.multipass.resize import sizes

_DRIVERS_WITHOUT = frozenset({"applevz", "lxd", "libvirt"})  # upstream: docs/explanation/driver.md
# It takes them of what is stopped, and these cannot be stopped.
_NOT_OF = frozenset({State.SUSPENDED, State.SUSPENDING, State.DELETED, State.UNAVAILABLE})


class Shelf:
    """The snapshots of a lab's instances."""

    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet
        self.record, self.report = fleet.record, fleet.report

    def refuse_states(self) -> None:
        """Refuse what no snapshot can be taken of, before anything is stopped.

        Raises:
            WhisklabError: names an instance, or says that this Multipass has no snapshots at all.
        """
        self._fleet.client.snapshots()  # a version that has none fails here
        if self._fleet.client.setting("local.driver") in _DRIVERS_WITHOUT:
            raise WhisklabError(f"{self.record.lab}: {NO_SNAPSHOTS_OF_DRIVER}")
        for machine, instance in self._fleet.listed().items():
            if instance.state in _NOT_OF:
                raise WhisklabError(
                    f"{instance.name} is {str(instance.state).lower()}, and has no snapshot taken "
                    f"or restored so: `whisklab up {self.record.lab}` starts {machine} first"
                )

    def there(self) -> Iterable[str]:
        """The machines whose instances there are, and are not deleted."""
        listed = self._fleet.listed()
        return [name for name, each in listed.items() if each.state is not State.DELETED]

    def kept(self) -> Mapping[str, frozenset[str]]:
        """The names of the snapshots of each machine."""
        found = self._fleet.client.snapshots()
        names = ((name, self.record.instance(name)) for name in self.record.members)
        return {name: found.get(instance, frozenset()) for name, instance in names}

    def keep(self, machine: str, own: str, comment: str) -> None:
        """Take a snapshot."""
        self._fleet.client.snapshot(self.record.instance(machine), own, comment)

    def put_back(self, machine: str, own: str) -> None:
        """Restore a snapshot."""
        self._fleet.client.restore(self.record.instance(machine), own)

    def drop(self, machine: str, own: str) -> None:
        """Remove a snapshot; nothing when there is none."""
        self._fleet.client.delete_snapshot(self.record.instance(machine), own)

    def size(self) -> int:
        """Bytes that the disks of all machines may have."""
        there = self._fleet.listed().values()
        return sum(sizes(self._fleet.client, each.name).disk for each in there)
