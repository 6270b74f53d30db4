"""What only shows when machines are compared: names, machine-ids, clocks. Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import median

from deploys.preflight.checks import Finding
from deploys.preflight.facts import Answer

FROM_THE_LAPTOP = 3600.0  # seconds; certificates that it makes begin two days back
CLOCKS_APART = 30.0  # seconds from the median; certificates and leases of Kubernetes break first
Found = tuple[str, Finding]


@dataclass(frozen=True)
class Seen:
    """A machine's answer, between two readings of the laptop's clock (seconds since the epoch)."""

    answer: Answer
    sent: float
    received: float

    @property
    def offset(self) -> tuple[float, float]:
        """By how much its clock is ahead of the laptop's, at least and at most.

        The clock was read at some time between the two readings.
        """
        return self.answer.clock - self.received, self.answer.clock - self.sent


def compare(
    machines: Mapping[str, Seen], inventory: Iterable[str], by_route: Collection[str] = ()
) -> dict[str, list[Finding]]:
    """Return what is wrong with each machine beside the others.

    Args:
        machines: those of this run, by their names in the inventory.
        inventory: the names of all machines, also those left out of this run.
        by_route: nodes whose pods speak with others through the card of the default route.
    """
    findings: dict[str, list[Finding]] = defaultdict(list)
    names = set(inventory)
    for check in (
        lambda seen: _names(seen, names),
        lambda seen: _cards({each: seen[each] for each in seen if each in by_route}),
        _machine_ids,
        _clocks,
    ):
        for name, finding in check(machines):
            findings[name].append(finding)
    return dict(findings)


def _same(
    machines: Mapping[str, Seen], key: Callable[[Answer], str]
) -> Iterator[tuple[str, str, list[str]]]:
    """Yield (machine, value, others of the same value)."""
    owners: dict[str, list[str]] = defaultdict(list)
    for name, seen in machines.items():
        owners[key(seen.answer)].append(name)
    for value, same in owners.items():
        for name in same:
            yield name, value, [each for each in same if each != name]


def _names(machines: Mapping[str, Seen], inventory: set[str]) -> Iterator[Found]:
    # A fresh machine may be called anything, `base` gives it its name. But one that bears the name
    # of another was most likely mixed up with it.
    for name, called, others in _same(machines, lambda answer: answer.name):
        if called != name and called in inventory:
            sentence = (
                f"it calls itself {called}, as another machine of the inventory is called: "
                "check their addresses there, or give it its own name with "
                f"`hostnamectl hostname {name}`"
            )
            yield name, Finding("name", sentence)
        elif others and called not in inventory:
            sentence = (
                f"it is called {called} as {_and(others)} still is: each gets its name from the "
                "inventory"
            )
            yield name, Finding("name", sentence, warning=True)


def _cards(machines: Mapping[str, Seen]) -> Iterator[Found]:
    """The first card of VirtualBox's machines has the same address on all of them."""
    for name, address, others in _same(machines, _of_default_route):
        if address and others:
            sentence = (
                f"its default route goes over {machines[name].answer.routes[4]}, where it has "
                f"{address} as {_and(others)} has, so its pods would not reach theirs: say "
                "node_interface in the inventory, the card that has node_address"
            )
            yield name, Finding("card", sentence)


def _of_default_route(answer: Answer) -> str:
    card = answer.routes.get(4)
    own = [each for each, at in answer.addresses.items() if at == card and ":" not in each]
    return own[0] if own else ""


def _machine_ids(machines: Mapping[str, Seen]) -> Iterator[Found]:
    remedy = (
        "make a new one with `rm -f /etc/machine-id /var/lib/dbus/machine-id; "
        "systemd-machine-id-setup` and restart it"
    )
    for name, value, others in _same(machines, lambda answer: answer.machine_id):
        if value in {"", "uninitialized"}:
            yield name, Finding("machine-id", f"it has no machine-id: {remedy}")
        elif others:
            sentence = f"its machine-id is also that of {_and(others)}, one is a copy of the other"
            yield name, Finding("machine-id", f"{sentence}: {remedy}")


def _clocks(machines: Mapping[str, Seen]) -> Iterator[Found]:
    if not machines:
        return
    # However long the answers took: the true median lies between these two.
    lowest, highest = (
        median(ends) for ends in zip(*(s.offset for s in machines.values()), strict=True)
    )
    for name, seen in machines.items():
        least, most = seen.offset
        if least - highest > CLOCKS_APART or lowest - most > CLOCKS_APART:
            way = "ahead of" if least > highest else "behind"
            apart = abs((least + most) - (lowest + highest)) / 2
            sentence = (
                f"its clock is {apart:.0f} s {way} the others: set it, and have it kept right with "
                "`timedatectl set-ntp true` or chrony"
            )
            yield name, Finding("clock", sentence)
        elif least > FROM_THE_LAPTOP or most < -FROM_THE_LAPTOP:
            # All machines may be wrong together, in a network without a time server.
            way, apart = ("ahead of", least) if least > 0 else ("behind", -most)
            sentence = (
                f"its clock is {apart:.0f} s {way} this laptop's, by which certificates are made: "
                "set the one that is wrong, and have the machines follow a time server of their "
                "network (NTP= in /etc/systemd/timesyncd.conf, or chrony)"
            )
            yield name, Finding("clock", sentence)


def _and(names: list[str]) -> str:
    return " and ".join(names)
