"""What preflight asks a host: everything in one command."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from pyinfra.api import FactBase, FactProcessError
from pyinfra.api.command import StringCommand

from whisklab.engine.scripts import script

REMEMBERED = "/var/lib/whisklab/node_address"
_SCRIPT = Path(__file__).with_name("collect.sh")
_PROCESS = re.compile(r'\("(?P<command>.*?)",pid=(?P<pid>\d+)')


@dataclass(frozen=True)
class Listener:
    """A process that listens on a TCP port, and the systemd unit it belongs to ("" for none)."""

    port: int
    pid: int
    command: str
    unit: str


@dataclass(frozen=True)
class Firewall:
    """A firewall that drops what comes in; family is `ip`, `ip6` or `both`."""

    family: str
    name: str


@dataclass(frozen=True)
class Answer:
    """What a machine says of itself.

    Attributes:
        clock: seconds since the epoch, when the command began.
        os: as os-release says, such as `debian 12`.
        machine: as `uname -m` says.
        init: the command of process 1.
        cpus: processors.
        memory_kb: memory that the kernel manages.
        disk_kb: free space where /var/lib is.
        name: its host name.
        machine_id: of /etc/machine-id, "" for none.
        missing: tools that could not be asked.
        routes: IP versions with a default route, and the network card of the first one.
        addresses: without prefix length, and the network card of each.
        listeners: on TCP ports.
        firewalls: that are active.
        kernel: those of memory, overlay, br_netfilter that it has.
        remembered: its node_address at the last run, None for none.
        peers: address of each other machine, and whether it answers.
    """

    clock: float
    os: str
    machine: str
    init: str
    cpus: int
    memory_kb: int
    disk_kb: int
    name: str
    machine_id: str
    missing: tuple[str, ...]
    routes: Mapping[int, str]
    addresses: Mapping[str, str]
    listeners: tuple[Listener, ...]
    firewalls: tuple[Firewall, ...]
    kernel: frozenset[str]
    remembered: str | None
    peers: Mapping[str, bool]


class MachineAnswer(FactBase[Answer | None]):
    """What the machine says of itself and of `peers` (addresses); None if that is unreadable."""

    def command(self, peers: list[str]) -> StringCommand:
        """One shell script; root sees all processes and all firewalls."""
        lines = _SCRIPT.read_text().splitlines()
        text = "\n".join(line for line in lines if line and not line.lstrip().startswith("#"))
        return script(text, REMEMBERED, *peers)

    def process(self, output: list[str]) -> Answer:
        """Parse the lines; each is a key and its value."""
        values: dict[str, list[str]] = {}
        for line in output:
            key, _, value = line.partition(" ")
            values.setdefault(key, []).append(value.strip())
        try:
            return _answer(values)
        except (ValueError, LookupError) as error:
            raise FactProcessError(f"unexpected answer, {error!r}: {output[:2]}") from None


def _answer(values: Mapping[str, list[str]]) -> Answer:
    # The last line is there only when the script came to its end.
    _ = values["end"]
    os_version = values.get("os_version", [""])[0]
    peers = (value.rsplit(" ", 1) for value in values.get("peer", []))
    return Answer(
        clock=float(values["clock"][0]),
        os=f"{values.get('os', ['unknown'])[0]} {os_version}".strip(),
        machine=values["machine"][0],
        init=values["init"][0],
        cpus=int(values["cpus"][0]),
        memory_kb=int(values["memory_kb"][0]),
        disk_kb=int(values["disk_kb"][0]),
        name=values["name"][0],
        machine_id=values["machine_id"][0],
        missing=tuple(values.get("missing", [])),
        routes=_routes(values.get("route", [])),
        addresses=_addresses(values.get("address", [])),
        listeners=tuple(_listeners(values.get("socket", []), values.get("unit", []))),
        firewalls=tuple(_firewall(value) for value in values.get("firewall", [])),
        kernel=frozenset(values.get("has", [])),
        remembered=values.get("remembered", [None])[0],
        peers={address: reached == "yes" for address, reached in peers},
    )


def _routes(values: Iterable[str]) -> Mapping[int, str]:
    found: dict[int, str] = {}
    for value in values:
        version, card = value.split(" ", 1)
        found.setdefault(int(version), card)
    return found


def _addresses(values: Iterable[str]) -> Mapping[str, str]:
    pairs = (value.split(" ", 1) for value in values)
    return {address.split("/")[0]: card for card, address in pairs}


def _firewall(value: str) -> Firewall:
    family, name = value.split(" ", 1)
    return Firewall(family, name)


def _listeners(sockets: Iterable[str], units: Iterable[str]) -> list[Listener]:
    """Join the lines of ss with the units of the processes; a process counts once per port."""
    unit_of: dict[int, str] = {}
    for each in units:
        number, unit = each.split(" ", 1)
        unit_of.setdefault(int(number), unit)  # a unit within a unit belongs to the outer one
    found: dict[tuple[int, int], Listener] = {}
    for line in sockets:
        port = int(line.split()[2].rsplit(":", 1)[1])
        for match in _PROCESS.finditer(line):
            pid = int(match["pid"])
            found[port, pid] = Listener(port, pid, match["command"], unit_of.get(pid, ""))
    return list(found.values())
