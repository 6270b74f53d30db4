"""What this machine's kernel can do, and so which hosts need one of their own."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from whisklab.lab.common.machine import AUTO, SHARED, STORAGE, UML, Machine
from whisklab.lab.common.run import Report
from whisklab.lab.providers.nspawn.modules import NFS_CLIENT, NFS_SERVER, has_filesystem
from whisklab.lab.standins.mount_nfs import program

_UML_RUNS_ON = ("x86_64",)  # arch/um of Linux 6.1


def decided(host: Machine) -> Machine:
    """The host with its kernel decided: `shared` or `uml`, no longer `auto`."""
    if host.kernel != AUTO:
        return host
    needs_own = STORAGE in host.groups and not has_filesystem(NFS_SERVER)
    own = needs_own and platform.machine() in _UML_RUNS_ON
    return replace(host, kernel=UML if own else SHARED)


def nfs_client(hosts: Sequence[Machine], report: Report) -> Path | None:
    """The stand-in for mount.nfs, built if need be; None when the lab needs none.

    Raises:
        WhisklabError: it cannot be built.
    """
    storage = any(STORAGE in host.groups for host in hosts)
    if not storage or has_filesystem(NFS_CLIENT):
        return None
    return program(report)
