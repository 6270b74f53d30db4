"""Looking at a lab and reaching its hosts. Needs no root and changes nothing."""

from __future__ import annotations

import socket
from typing import Any

from whisklab.errors import BadInput
from whisklab.lab import provider as providers
from whisklab.lab import state
from whisklab.lab.common.machine import RUNNING, STOPPED
from whisklab.lab.state import Host, Lab

_TIMEOUT = 2.0
# OpenSSH's first choice takes 50 ms of a processor at each end (measured), and a lab is right here.
QUICK_KEYS = ("-o", "KexAlgorithms=curve25519-sha256")


def known(name: str) -> Lab:
    """The lab `name` as it was last brought up.

    Raises:
        BadInput: there is none.
    """
    lab = state.load(name)
    if lab is None:
        raise BadInput(f"there is no lab {name!r}: run `whisklab up {name}`")
    return lab


def read(name: str) -> dict[str, Any]:
    """The lab's hosts with their state: up, running (but SSH does not answer), stopped.

    Or what the provider calls it where that says more, such as suspended.

    Raises:
        BadInput: there is no such lab.
    """
    lab = known(name)
    there = providers.get(lab.provider).machines(name)
    hosts = []
    for host in lab.hosts:
        what = there.get(host.name, STOPPED)
        if what == RUNNING and _answers(host):
            what = "up"
        hosts.append(
            {
                "name": host.name,
                "state": what,
                "groups": list(host.groups),
                "address": host.address,
                "ssh_address": host.ssh_address,
                "ssh_port": host.ssh_port,
                "forwards": host.forwards,
            }
        )
    return {"name": name, "provider": lab.provider, "catalogue": lab.catalogue, "hosts": hosts}


def ssh_command(lab: Lab, name: str, command: list[str]) -> list[str]:
    """The OpenSSH command for a host: only the lab's key, only the host's known key.

    Raises:
        BadInput: the lab has no such host.
    """
    host = next((host for host in lab.hosts if host.name == name), None)
    if host is None:
        there = ", ".join(host.name for host in lab.hosts)
        raise BadInput(f"the lab {lab.name!r} has no host {name!r}; it has {there}")
    return [
        "ssh", "-F", "none", "-p", str(host.ssh_port), "-i", lab.key,
        "-o", "IdentitiesOnly=yes", "-o", "StrictHostKeyChecking=yes",
        "-o", f"UserKnownHostsFile={lab.known_hosts}", "-o", "GlobalKnownHostsFile=/dev/null",
        "-o", "LogLevel=ERROR", *QUICK_KEYS, "--", f"{lab.user}@{host.ssh_address}", *command,
    ]  # fmt: skip


def _answers(host: Host) -> bool:
    try:
        with socket.create_connection((host.ssh_address, host.ssh_port), _TIMEOUT) as connection:
            return connection.recv(8).startswith(b"SSH-2.0-")
    except OSError:
        return False
