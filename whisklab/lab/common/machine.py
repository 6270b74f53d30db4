"""A machine of a lab, from the topology to the provider's record and to inventories."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from ipaddress import IPv4Address
from typing import Any

SSH = 22
AUTO, SHARED, UML = "auto", "shared", "uml"
KERNELS = (SHARED, UML)
RUNNING, STOPPED = "running", "stopped"  # all that some providers say of a machine's state
STORAGE = "storage"  # the group whose machines start first and stop last: the others mount theirs


@dataclass(frozen=True)
class Size:
    """How big a machine is: processors, and bytes of memory and of disk."""

    cpus: int
    memory: int
    disk: int


@dataclass(frozen=True)
class Machine:
    """What one machine of a lab is to be.

    Attributes:
        name: its name.
        groups: what it is for, the groups of the inventory.
        address: in the lab's network.
        ports: those that are forwarded to it, 22 first.
        kernel: `shared` for the computer's own, `uml` for User-mode Linux, `auto` until decided.
        size: None where the provider knows no sizes.
    """

    name: str
    groups: tuple[str, ...]
    address: IPv4Address
    ports: tuple[int, ...] = (SSH,)
    kernel: str = SHARED
    size: Size | None = None

    def as_data(self) -> dict[str, Any]:
        """The machine as JSON has it."""
        return {
            "name": self.name,
            "groups": list(self.groups),
            "address": str(self.address),
            "ports": list(self.ports),
            "kernel": self.kernel,
            **({"size": asdict(self.size)} if self.size else {}),
        }


def parse(data: Mapping[str, Any]) -> Machine:
    """Read what `as_data` wrote.

    Raises:
        KeyError, TypeError, ValueError: it is not a machine.
    """
    return Machine(
        name=str(data["name"]),
        groups=tuple(str(group) for group in data["groups"]),
        address=IPv4Address(data["address"]),
        ports=tuple(dict.fromkeys([SSH, *(int(port) for port in data["ports"])])),
        kernel=str(data["kernel"]),
        size=Size(**{part: int(data["size"][part]) for part in ("cpus", "memory", "disk")})
        if data.get("size")
        else None,
    )
