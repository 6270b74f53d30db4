"""What was made for a lab, written down before it is made, so that it can always be removed."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from whisklab.errors import WhisklabError
from whisklab.lab.common.process import Process

VERSION = 1


@dataclass
class HostRecord:
    """A host whose disk was made, or was about to be."""

    image: str
    address: str
    ports: dict[int, int] = field(default_factory=dict)  # of the host -> on 127.0.0.1
    keeper: Process | None = None
    forwarder: Process | None = None
    cgroups: list[str] = field(default_factory=list)
    netns: str | None = None
    disk_done: bool = False
    kernel: str = "shared"  # of the disk that was made: see HostSpec


@dataclass
class Record:
    """Everything of one lab. `boot_id` says of which boot the processes and namespaces are."""

    lab: str
    owner: int
    boot_id: str
    network: str
    internet: bool
    netns: str | None = None
    netns_done: bool = False
    slirp: Process | None = None
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
    return json.dumps({"version": VERSION, **asdict(record)}, indent=1)


def parse(text: str) -> Record:
    """Read what `dump` wrote.

    Raises:
        WhisklabError: it is not a record of this version.
    """
    try:
        data = json.loads(text)
        del data["version"]  # one so far
        hosts = {name: _host(host) for name, host in data.pop("hosts").items()}
        slirp = _process(data.pop("slirp"))
        return Record(**data, slirp=slirp, hosts=hosts)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise WhisklabError(f"not a lab's record: {error!r}") from None


def _host(data: dict[str, Any]) -> HostRecord:
    ports = {int(port): int(local) for port, local in data.pop("ports").items()}
    keeper, forwarder = _process(data.pop("keeper")), _process(data.pop("forwarder"))
    return HostRecord(**data, ports=ports, keeper=keeper, forwarder=forwarder)


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
    beside = path.with_suffix(".new")
    with beside.open("w", encoding="utf-8") as file:
        file.write(dump(record))
        file.flush()
        os.fsync(file.fileno())
    beside.replace(path)
