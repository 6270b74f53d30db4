"""Which name servers pods are given in a closed network."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence

from pyinfra.api import FactBase
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host

from deploys.k3s import render
from deploys.k3s.settings import K3sSettings
from whisklab.engine import runs
from whisklab.engine.data.machine import Machine
from whisklab.engine.scripts import script

# Where k3s looks, and what it takes (pkg/agent/config/config.go, locateOrGenerateResolvConf).
FILES = ("/etc/resolv.conf", "/run/systemd/resolve/resolv.conf")
_NAME_SERVER = re.compile(r"nameserver\s+(\S*)")
_FILE = "file"


class NameServers(FactBase[list[list[str]]]):
    """The name servers that each of some files names, in its order; none for a missing file."""

    @staticmethod
    def default() -> list[list[str]]:
        """No file is there."""
        return []

    def command(self, files: Sequence[str]) -> StringCommand:
        """Print a line for each file, and its lines with a name server."""
        return script(
            f'for each; do echo {_FILE}; if test -f "$each"; then grep "^nameserver" "$each"; fi; '
            "done; true",
            *files,
        )

    def process(self, output: list[str]) -> list[list[str]]:
        """Sort them by file."""
        found: list[list[str]] = []
        for line in output:
            if line == _FILE:
                found.append([])
            elif (named := _NAME_SERVER.match(line)) and found:
                found[-1].append(named[1])
        return found


def are_usable(servers: Iterable[str]) -> bool:
    """Tell whether k3s takes a file with these name servers. Pure."""
    found = list(servers)
    return bool(found) and all(map(_is_usable, found))


def _is_usable(server: str) -> bool:
    try:
        address = ipaddress.ip_address(server)
    except ValueError:
        return False
    return not (
        address.is_loopback or address.is_multicast or address.is_link_local
        or address.is_unspecified
    )  # fmt: skip


class _Lacking(dict[str, bool]):
    """Of a run's machines, by name, whether k3s takes none of their files."""


def resolv_conf(machine: Host, *, server: bool) -> str | None:
    """Return the file of name servers for a node's pods; None: k3s takes the machine's own.

    Where the machine has none, k3s would take a public one, which a closed network does not have:
    look-ups would leave it, and wait. On the node itself nobody listens, so it answers at once that
    there is no answer; who does listen there is a name server.
    """
    data, given = Machine.of(machine), K3sSettings.of(machine).config_of(server=server)
    if not data.offline or render.RESOLV_CONF in given:
        return None
    known = runs.on(machine).part(_Lacking)
    if machine.name not in known:
        files = machine.get_fact(NameServers, files=list(FILES))
        known[machine.name] = not any(map(are_usable, files))
    return f"{render.HEADER}\nnameserver {data.node_address}" if known[machine.name] else None
