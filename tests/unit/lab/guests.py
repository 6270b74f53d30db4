"""What the labs of virtual machines are tried with, whatever makes them: three machines."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import IPv4Network

from whisklab.lab.common.machine import Machine
from whisklab.lab.keys import host_key, user_key
from whisklab.lab.provider import Wish
from whisklab.lab.sizes import of_groups
from whisklab.lab.state import paths

GROUPS = {"master": ("masters",), "worker1": ("workers",), "storage": ("storage", "registry")}
_FIRST = 11  # the address of the first machine in its network


def wished(
    name: str,
    network: str,
    options: Mapping[str, str],
    groups: Mapping[str, tuple[str, ...]] | None,
) -> Wish:
    """A lab as it is to be, of these machines (those of GROUPS if None); makes its keys."""
    there, within = paths(name), IPv4Network(network)
    machines = tuple(
        Machine(each, of, within[_FIRST + number], size=of_groups(of))
        for number, (each, of) in enumerate((GROUPS if groups is None else groups).items())
    )
    return Wish(
        name, "lab", user_key(there, name), there.key, within, False, options, machines,  # noqa: FBT003
        {each.name: host_key(there, each.name)[0] for each in machines},
    )  # fmt: skip
