"""What a machine says of itself, and the address by which the others are to reach it."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Interface, IPv4Network, IPv6Interface, IPv6Network
from pathlib import Path

from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host

from whisklab.engine.scripts import script
from whisklab.engine.ssh.connector import WhiskSSH
from whisklab.engine.ssh.proxied import Way
from whisklab.engine.ssh.remote import run_quietly
from whisklab.errors import BadInput, WhisklabError
from whisklab.networks import PODS, SERVICES

Network = IPv4Network | IPv6Network
_SCRIPT = Path(__file__).with_name("look.sh")
_LINE = re.compile(r"\d+: (?P<card>[^\s@]+)\S*\s+inet6? (?P<address>\S+) (?P<rest>.*)")
_DEVICE = re.compile(r"\bdev (?P<card>\S+)")
# Of containers and virtual machines on it: no other machine reaches it by these.
_INNER = re.compile(r"(docker|br-|veth|cni|flannel|cali|kube-|virbr|vnet|lxc|lxd|podman)")
_PASSING = ("deprecated", "tentative", "temporary", "dadfailed")


@dataclass(frozen=True)
class Card:
    """An address of a machine: the network card that has it, and the network it is in."""

    name: str
    interface: IPv4Interface | IPv6Interface

    @property
    def address(self) -> str:
        """Without its prefix."""
        return str(self.interface.ip)


@dataclass(frozen=True)
class Found:
    """What a machine says of itself.

    Attributes:
        name: its host name.
        os: as os-release says, such as "Debian GNU/Linux 12 (bookworm)".
        machine: as `uname -m` says.
        cpus: processors.
        memory_mb: memory that its kernel manages.
        cards: its addresses, in their order.
        default: cards that have a default route.
        peer: the address to which SSH goes, None where that is another host's.
    """

    name: str
    os: str
    machine: str
    cpus: int
    memory_mb: int
    cards: tuple[Card, ...]
    default: frozenset[str]
    peer: str | None = None


def look(host: Host) -> Found:
    """Ask a connected machine.

    Raises:
        WhisklabError: it answers otherwise than expected.
    """
    lines = [line for line in _SCRIPT.read_text().splitlines() if not line.startswith("#")]
    command: StringCommand = script("\n".join(lines))
    says = found(host.name, run_quietly(host, command).splitlines())
    return replace(says, peer=_peer(host))


def _peer(host: Host) -> str | None:
    """Return the address at the other end, if nothing is between."""
    sock = host.connector.transport.sock if isinstance(host.connector, WhiskSSH) else None
    if not isinstance(sock, socket.socket) or isinstance(sock, Way):
        return None
    return str(ipaddress.ip_address(sock.getpeername()[0].partition("%")[0]))


def found(machine: str, lines: Iterable[str]) -> Found:
    """Return what the script's answer means. Pure.

    Args:
        machine: whose it is, for the error.
        lines: the answer.

    Raises:
        WhisklabError: something that must be there is not.
    """
    values: dict[str, list[str]] = {}
    for line in lines:
        key, _, value = line.partition(" ")
        values.setdefault(key, []).append(value)
    if "missing" in values:
        raise WhisklabError(f"{machine} has no `ip`: install iproute2 there")
    try:
        _ = values["end"]
        return Found(
            name=values["name"][0],
            os=values.get("os", ["unknown"])[0],
            machine=values["machine"][0],
            cpus=int(values["cpus"][0]),
            memory_mb=int(values["memory_kb"][0]) // 1024,
            cards=tuple(_cards(values.get("address", []))),
            default=frozenset(
                match["card"] for each in values.get("route", []) if (match := _DEVICE.search(each))
            ),
        )
    except (LookupError, ValueError) as error:
        raise WhisklabError(f"{machine} answers otherwise than expected: {error!r}") from error


def _cards(lines: Iterable[str]) -> Iterable[Card]:
    for line in lines:
        match = _LINE.match(line)
        if match is None or _INNER.match(match["card"]):
            continue
        if any(each in match["rest"].split() for each in _PASSING):
            continue
        yield Card(match["card"], ipaddress.ip_interface(match["address"]))


def addresses(
    machines: Mapping[str, Found], reached: Mapping[str, str], network: Network | None = None
) -> dict[str, Card]:
    """Return by which address and card each machine is to be reached by the others. Pure.

    They are all of one network, if there is one: rather one of those to which SSH goes, then one
    of IPv4. What two machines have (behind VirtualBox's NAT all are 10.0.2.15), and what lies in
    the cluster's own networks, is nobody's. The order of a machine's addresses does not matter.

    Args:
        machines: by name.
        reached: the address to which SSH goes, by name, where it goes there directly.
        network: in which the addresses shall be, None to find out.

    Raises:
        BadInput: a machine has none; the sentence names what it has.
    """
    owners = Counter(
        address for each in machines.values() for address in {card.address for card in each.cards}
    )
    usable = {
        name: [card for card in each.cards if owners[card.address] == 1 and _outer(card)
               and (network is None or _inside(card, network))]
        for name, each in machines.items()
    }  # fmt: skip
    common = _common(list(usable.values()))
    ssh = {(name, address) for name, address in reached.items()}
    best = max(common, key=lambda each: _rank(each, usable, ssh), default=None)
    chosen: dict[str, Card] = {}
    for name, cards in usable.items():
        near = _near(cards, best, None if network else reached.get(name, ""))
        if not near:
            raise BadInput(_without(name, machines[name]))
        chosen[name] = min(near, key=lambda card: _order(card, reached.get(name)))
    return chosen


def _outer(card: Card) -> bool:
    return not any(card.interface.ip in each for each in (PODS, SERVICES))


def _inside(card: Card, network: Network) -> bool:
    return card.interface.ip in network


def _common(cards: Sequence[Sequence[Card]]) -> set[Network]:
    sets = [{card.interface.network for card in each} for each in cards]
    return set.intersection(*sets) if sets else set()


def _rank(
    network: Network, usable: Mapping[str, Sequence[Card]], ssh: set[tuple[str, str]]
) -> tuple[int, int, int, int]:
    """The more of SSH's addresses, the better; then IPv4; then one that never changes."""
    hits = sum(
        (name, card.address) in ssh
        for name, cards in usable.items()
        for card in cards
        if card.interface.network == network
    )
    return hits, -network.version, network.prefixlen, -int(network.network_address)


def _near(cards: Sequence[Card], network: Network | None, reached: str | None) -> list[Card]:
    """Those in the network that all share; if there is none, the one that SSH reaches, or all."""
    if network is not None:
        return [card for card in cards if card.interface.network == network]
    return [card for card in cards if reached is None or card.address == reached]


def _order(card: Card, reached: str | None) -> tuple[bool, int, int]:
    return card.address != reached, card.interface.version, int(card.interface.ip)


def _without(name: str, machine: Found) -> str:
    has = ", ".join(f"{card.interface} on {card.name}" for card in machine.cards) or "none"
    return (
        f"{name}: none of its addresses is in a network that all machines share (it has {has}; one "
        "that two machines have does not count): name a network in which each has one, such as "
        "--network 192.168.0.0/16"
    )
