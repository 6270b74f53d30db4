"""What root is asked to make. Checked here again: root trusts no one's paths and addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from typing import Any

from whisklab.errors import BadInput
from whisklab.lab.common import machine
from whisklab.lab.common.machine import KERNELS, Machine
from whisklab.lab.common.names import is_host_name, is_lab_name, is_user_name


@dataclass(frozen=True)
class LabSpec:
    """A lab as root sees it; `host_keys` are the private ssh keys of the hosts, by name."""

    name: str
    user: str
    authorized_key: str
    network: IPv4Network
    internet: bool
    hosts: tuple[Machine, ...]
    host_keys: Mapping[str, str]
    # The stand-in for mount.nfs that hosts get which share the machine's kernel, if they need one.
    mount_nfs: Path | None = None

    @property
    def gateway(self) -> IPv4Address:
        """The address of the lab's bridge."""
        return self.network.network_address + 1


def parse(data: Mapping[str, Any]) -> LabSpec:
    """Check the document the user's side sends.

    Raises:
        BadInput: it is not one.
    """
    try:
        spec = LabSpec(
            name=str(data["name"]),
            user=str(data["user"]),
            authorized_key=str(data["authorized_key"]).strip(),
            network=IPv4Network(data["network"]),
            internet=bool(data["internet"]),
            hosts=tuple(machine.parse(host) for host in data["hosts"]),
            host_keys={str(host["name"]): str(host["host_key"]) for host in data["hosts"]},
            mount_nfs=Path(data["mount_nfs"]) if data.get("mount_nfs") else None,
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"not the description of a lab: {error!r}") from None
    if not is_lab_name(spec.name) or not is_user_name(spec.user):
        raise BadInput(f"{spec.name!r}, {spec.user!r} cannot name a lab and its user")
    for host in spec.hosts:
        if not is_host_name(host.name) or host.address not in spec.network:
            raise BadInput(f"{host.name!r} with {host.address} cannot be a host of the lab")
        if host.kernel not in KERNELS:
            raise BadInput(f"{host.name}: the kernel {host.kernel!r} is none of {KERNELS}")
    return spec
