"""What was made for a lab, written down before it is made, so that it can always be removed."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from whisklab.errors import WhisklabError
from whisklab.lab.common import machine
from whisklab.lab.common.machine import Machine
from whisklab.lab.common.process import Process
from whisklab.lab.providers.nspawn.layout import LABS

VERSION = 2


@dataclass
class HostRecord:
    """A host whose disk was made, or was about to be."""

    machine: Machine
    image: str
    ports: dict[int, int] = field(default_factory=dict)  # of the host -> on 127.0.0.1
    keeper: Process | None = None
    forwarder: Process | None = None
    cgroups: list[str] = field(default_factory=list)
    netns: str | None = None
    disk_done: bool = False


@dataclass
class Record:
    """Everything of one lab.

    Attributes:
        lab: its name.
        owner: the user id of who made it.
        boot_id: of which boot the processes and namespaces are.
        network: of its hosts.
        internet: whether they have a way out.
        disks: the directory with the disks of all hosts; another one after a restore.
        paused: whether it ran when a snapshot stopped it, which has not started it again yet.
        clone: of a clone, the word by which the one who is making it knows it again.
    """

    lab: str
    owner: int
    boot_id: str
    network: str
    internet: bool
    disks: str
    netns: str | None = None
    netns_done: bool = False
    slirp: Process | None = None
    paused: bool = False
    clone: str = ""
    hosts: dict[str, HostRecord] = field(default_factory=dict)

    def after_reboot(self, boot_id: str) -> None:
        """Forget what a reboot of the machine has ended: all but the disks and the ports."""
        if self.boot_id == boot_id:
            return
        self.boot_id = boot_id
        self.netns = self.slirp = None
        self.netns_done = False
        for host in self.hosts.values():
            host.keeper = host.forwarder = host.netns = None
            host.cgroups = []


def dump(record: Record) -> str:
    """The record as JSON."""
    data = asdict(record)
    for name, host in record.hosts.items():
        data["hosts"][name]["machine"] = host.machine.as_data()
    return json.dumps({"version": VERSION, **data}, indent=1)


def parse(text: str) -> Record:
    """Read what `dump` wrote.

    Raises:
        WhisklabError: it is not a record of this version.
    """
    try:
        data = json.loads(text)
        if data.pop("version") == 1:
            data = _from_1(data)
        hosts = {name: parse_host(host) for name, host in data.pop("hosts").items()}
        slirp = _process(data.pop("slirp"))
        return Record(**data, slirp=slirp, hosts=hosts)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WhisklabError(f"not a lab's record: {error!r}") from None


def parse_host(data: dict[str, Any]) -> HostRecord:
    """Read the part of one host.

    Raises:
        KeyError, TypeError, ValueError: it is not one.
    """
    made = machine.parse(data.pop("machine"))
    ports = {int(port): int(local) for port, local in data.pop("ports").items()}
    keeper, forwarder = _process(data.pop("keeper")), _process(data.pop("forwarder"))
    return HostRecord(machine=made, **data, ports=ports, keeper=keeper, forwarder=forwarder)


def _from_1(data: dict[str, Any]) -> dict[str, Any]:
    """Disks lay beside the record then; groups and the order of ports were not written down."""
    data |= {"disks": str(LABS / data["lab"] / "hosts"), "paused": False}
    for name, host in data["hosts"].items():
        host["machine"] = {
            "name": name, "groups": [], "address": host.pop("address"),
            "ports": list(host["ports"]), "kernel": host.pop("kernel"),
        }  # fmt: skip
    return data


def _process(data: dict[str, int] | None) -> Process | None:
    return Process(**data) if data else None


def read(path: Path) -> Record | None:
    """The record in a file, or None when there is none.

    Raises:
        WhisklabError: the file is not a record.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        return parse(text)
    except WhisklabError as error:
        raise WhisklabError(f"{path}: {error}") from None


def write(record: Record, path: Path) -> None:
    """Write the record so that a crash leaves the old or the new one, also on the disk."""
    write_whole(path, dump(record))


def write_whole(path: Path, text: str, mode: int = 0o644) -> None:
    """Write a file so that a crash leaves the old or the new content, also on the disk."""
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
