"""A lab's hosts as pyinfra groups, for inventory files."""

from __future__ import annotations

from whisklab.errors import BadInput
from whisklab.lab import state
from whisklab.lab.catalogue import UPSTREAM
from whisklab.lab.common.process import boot_id
from whisklab.lab.state import Host, Lab

GROUPS = ("masters", "workers", "storage", "registry")
_API = "6443"


def groups(name: str) -> dict[str, list[tuple[str, dict[str, object]]]]:
    """The hosts of the lab `name`, by group; every group is there, maybe empty.

    pyinfra evaluates an inventory twice, so this only reads a file.

    Raises:
        BadInput: the lab is not up.
    """
    lab = state.load(name)
    if lab is None or not lab.running or lab.boot_id != boot_id():
        raise BadInput(f"lab {name!r} is not up: run `whisklab up {name}`")
    return {
        group: [(host.name, host_data(lab, host)) for host in lab.hosts if group in host.groups]
        for group in GROUPS
    }


def closed(name: str) -> bool:
    """Whether what a lab's jobs fetch is to be brought to them; also while there is no such lab.

    It is where its hosts have no way out, and with stand-ins, which clone from nobody.
    """
    lab = state.load(name)
    return lab is None or not lab.internet or lab.catalogue != UPSTREAM


def host_data(lab: Lab, host: Host) -> dict[str, object]:
    """What deploys and the connector need to know of a host."""
    data: dict[str, object] = {
        "ssh_hostname": host.ssh_address,
        "ssh_port": host.ssh_port,
        "ssh_user": lab.user,
        "ssh_key": lab.key,
        "ssh_known_hosts_file": lab.known_hosts,
        "ssh_strict_host_key_checking": "yes",
        "node_address": host.address,
    }
    if host.interface:
        data["node_interface"] = host.interface
    if lab.catalogue != UPSTREAM:  # else the environment's own catalogue, which is upstream's
        data["catalogue"] = lab.catalogue
    if _API in host.forwards:
        data["api_address"] = f"127.0.0.1:{host.forwards[_API]}"
    return data
