"""What the user's side keeps of a lab: keys, known hosts, and how to reach the hosts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from whisklab.errors import BadInput
from whisklab.lab.common import machine
from whisklab.lab.common.machine import Machine
from whisklab.lab.topology import check_lab_name
from whisklab.paths import state_dir


@dataclass(frozen=True)
class Host:
    """A machine, and how to reach it: `forwards` are local ports by its own, without ssh's.

    `interface` is the network card with its address, where another one has the default route.
    """

    machine: Machine
    ssh_address: str
    ssh_port: int
    forwards: dict[str, int]
    interface: str = ""

    @property
    def name(self) -> str:
        """Its name."""
        return self.machine.name

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups of the inventory that it is in."""
        return self.machine.groups

    @property
    def address(self) -> str:
        """Its address in the lab's network."""
        return str(self.machine.address)

    def as_data(self) -> dict[str, Any]:
        """The host as JSON has it."""
        reach = {"ssh_address": self.ssh_address, "ssh_port": self.ssh_port}
        card = {"interface": self.interface} if self.interface else {}
        return {**self.machine.as_data(), **reach, "forwards": self.forwards, **card}


def _host(data: dict[str, Any]) -> Host:
    # Before there were snapshots, ports and kernel were not written down here.
    made = machine.parse({"ports": data["forwards"], "kernel": machine.SHARED, **data})
    card = data.get("interface", "")
    return Host(made, data["ssh_address"], data["ssh_port"], data["forwards"], card)


@dataclass(frozen=True)
class Lab:
    """A lab as inventories see it (lab.json).

    `catalogue` is a file or the word upstream; `internet` whether the hosts have a way out.
    """

    name: str
    provider: str
    user: str
    key: str
    known_hosts: str
    catalogue: str
    running: bool
    boot_id: str
    hosts: list[Host]
    internet: bool = False  # labs that were made before this was written down had none


@dataclass(frozen=True)
class StatePaths:
    """The files of a lab in the user's state directory."""

    top: Path

    @property
    def key(self) -> Path:
        """The private key that logs into every host."""
        return self.top / "id_ed25519"

    @property
    def public_key(self) -> Path:
        """Its public half."""
        return self.top / "id_ed25519.pub"

    @property
    def known_hosts(self) -> Path:
        """The keys of the hosts, for OpenSSH and paramiko."""
        return self.top / "known_hosts"

    @property
    def lab(self) -> Path:
        """What `Lab` holds."""
        return self.top / "lab.json"

    @property
    def topology(self) -> Path:
        """The topology the lab was last brought up with."""
        return self.top / "topology.json"

    def host_key(self, host: str) -> Path:
        """The private ssh key of a host."""
        return self.top / "host_keys" / host


def paths(name: str) -> StatePaths:
    """The files of the lab `name`.

    Raises:
        BadInput: no lab can have this name.
    """
    return StatePaths(state_dir() / "labs" / check_lab_name(name))


def names() -> list[str]:
    """The labs of which there is something."""
    return sorted(path.parent.name for path in (state_dir() / "labs").glob("*/lab.json"))


def write(path: Path, text: str, mode: int = 0o600) -> None:
    """Replace a file in one step; nobody else can read it before or after."""
    write_bytes(path, text.encode(), mode)


def write_bytes(path: Path, content: bytes, mode: int = 0o600) -> None:
    """Replace a file in one step, as `write` does."""
    beside = path.with_name(path.name + ".new")
    beside.unlink(missing_ok=True)
    beside.touch(mode=0o600)
    beside.write_bytes(content)
    beside.chmod(mode)
    beside.replace(path)


def save(lab: Lab) -> None:
    """Write lab.json."""
    data = {**vars(lab), "hosts": [host.as_data() for host in lab.hosts]}
    write(paths(lab.name).lab, json.dumps(data, indent=1) + "\n")


def load(name: str) -> Lab | None:
    """Read lab.json; None when there is none.

    Raises:
        BadInput: the name cannot be a lab's, or the file is damaged.
    """
    file = paths(name).lab
    try:
        data: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
        hosts = [_host(host) for host in data.pop("hosts")]
        return Lab(**data, hosts=hosts)
    except FileNotFoundError:
        return None
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput(f"{file} is damaged ({error!r}): run `whisklab up {name}`") from None
