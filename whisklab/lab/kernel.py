"""What this machine's kernel can do, and so which hosts need one of their own."""

from __future__ import annotations

import platform
from pathlib import Path

from whisklab.lab.providers.nspawn.modules import NFS_CLIENT, NFS_SERVER, has_filesystem
from whisklab.lab.providers.nspawn.spec import SHARED, UML
from whisklab.lab.root import Report
from whisklab.lab.standins.mount_nfs import program
from whisklab.lab.topology import Host, Topology

_UML_RUNS_ON = ("x86_64",)  # arch/um of Linux 6.1


def chosen(host: Host) -> str:
    """The kernel of a host: `shared` or `uml`; `auto` is decided here."""
    if host.kernel != "auto":
        return host.kernel
    needs_own = "storage" in host.groups and not has_filesystem(NFS_SERVER)
    return UML if needs_own and platform.machine() in _UML_RUNS_ON else SHARED


def nfs_client(topology: Topology, report: Report) -> Path | None:
    """The stand-in for mount.nfs, built if need be; None when the lab needs none.

    Raises:
        WhisklabError: it cannot be built.
    """
    storage = any("storage" in host.groups for host in topology.hosts.values())
    if not storage or has_filesystem(NFS_CLIENT):
        return None
    return program(report)
