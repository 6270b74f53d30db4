"""The machines of a new environment: their names, their groups, their addresses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whisklab.errors import BadInput
from whisklab.init import found
from whisklab.init.found import Card, Found, Network
from whisklab.init.inventory import Files, Member, roles
from whisklab.init.reached import Reached
from whisklab.init.target import check_name


@dataclass(frozen=True)
class Entry:
    """A machine of the environment.

    Attributes:
        name: of its node.
        groups: that it is in.
        reached: how SSH goes there.
        says: what it says of itself.
        card: the address by which the others reach it, and the card that has it.
    """

    name: str
    groups: tuple[str, ...]
    reached: Reached
    says: Found
    card: Card

    def member(self, common: Mapping[str, Any]) -> Member:
        """Return what the inventory says of it.

        Args:
            common: what that says of all machines.
        """
        away = self.says.default and self.card.name not in self.says.default
        interface = {"node_interface": self.card.name} if away else {}
        own = {**self.reached.data(common), "node_address": self.card.address, **interface}
        return Member(self.name, own)

    def as_data(self) -> dict[str, Any]:
        """Return all of it for a program."""
        way = self.reached.way
        return {
            "name": self.name, "groups": list(self.groups), "given": self.reached.given,
            "address": way.address, "port": way.port, "user": way.user, "behind": way.behind,
            "fingerprint": self.reached.key.fingerprint, "node_address": self.card.address,
            "interface": self.card.name, "os": self.says.os, "machine": self.says.machine,
            "cpus": self.says.cpus, "memory_mb": self.says.memory_mb,
        }  # fmt: skip


def entries(
    machines: Sequence[Reached], says: Sequence[Found], masters: int, network: Network | None
) -> list[Entry]:
    """Return the machines in the order in which they were given. Pure.

    Args:
        machines: that were reached.
        says: what each says of itself.
        masters: how many of them are k3s servers.
        network: in which the cluster's addresses are to be, None to find out.

    Raises:
        BadInput: a name that cannot be, two of one name, no address, or not so many masters.
    """
    names = _names(machines, says)
    groups = roles(names, masters)
    direct = {name: said.peer for name, said in zip(names, says, strict=True) if said.peer}
    cards = found.addresses(dict(zip(names, says, strict=True)), direct, network)
    return [
        Entry(name, tuple(group for group, all_ in groups.items() if name in all_), each, said,
              cards[name])
        for name, each, said in zip(names, machines, says, strict=True)
    ]  # fmt: skip


def _names(machines: Sequence[Reached], says: Sequence[Found]) -> list[str]:
    names = [
        each.target.name or said.name.partition(".")[0].lower()
        for each, said in zip(machines, says, strict=True)
    ]
    for name, each in zip(names, machines, strict=True):
        check_name(name, each.given)
        if Counter(names)[name] > 1:
            same = " and ".join(
                each.given for other, each in zip(names, machines, strict=True) if other == name
            )
            raise BadInput(
                f"{same} are all called {name}: give them names, such as worker1={each.given}"
            )
    return names


def write(files: Files, common: Mapping[str, Any], machines: Sequence[Entry]) -> list[Path]:
    """Write the environment's files; return them.

    Args:
        files: where they go.
        common: what the inventory says of all machines.
        machines: that are in it.
    """
    groups: dict[str, list[Member]] = {}
    for each in machines:
        for group in each.groups:
            groups.setdefault(group, []).append(each.member(common))
    return files.write(common, groups)
