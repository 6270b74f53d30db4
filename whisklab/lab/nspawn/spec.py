"""What root is asked to make. Checked here again: root trusts no one's paths and addresses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from whisklab.errors import BadInput
from whisklab.lab.names import is_host_name, is_lab_name, is_user_name

SSH = 22


@dataclass(frozen=True)
class HostSpec:
    """One host: its address, the ports forwarded to it, and its private ssh host key."""

    name: str
    address: IPv4Address
    ports: tuple[int, ...]
    host_key: str


@dataclass(frozen=True)
class LabSpec:
    """A lab as root sees it."""

    name: str
    user: str
    authorized_key: str
    network: IPv4Network
    internet: bool
    hosts: tuple[HostSpec, ...]

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
            hosts=tuple(_host(host) for host in data["hosts"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadInput(f"not the description of a lab: {error!r}") from None
    if not is_lab_name(spec.name) or not is_user_name(spec.user):
        raise BadInput(f"{spec.name!r}, {spec.user!r} cannot name a lab and its user")
    for host in spec.hosts:
        if not is_host_name(host.name) or host.address not in spec.network:
            raise BadInput(f"{host.name!r} with {host.address} cannot be a host of the lab")
    return spec


def _host(data: Mapping[str, Any]) -> HostSpec:
    ports = tuple(dict.fromkeys([SSH, *(int(port) for port in data["forward"])]))
    return HostSpec(
        name=str(data["name"]),
        address=IPv4Address(data["address"]),
        ports=ports,
        host_key=str(data["host_key"]),
    )
