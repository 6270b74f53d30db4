"""Storage that every node can mount."""

from __future__ import annotations

from collections.abc import Iterable

from pyinfra import host, inventory

from deploys.nfs import operations, render
from deploys.nfs.settings import NfsSettings
from whisklab.engine.data.machine import Machine
from whisklab.engine.resources import packages
from whisklab.engine.run.capability import capability
from whisklab.engine.run.declared import Platform, Storage


def is_server() -> bool:
    """Tell whether this host exports directories."""
    return "storage" in host.groups


def open_ports(_: Platform) -> dict[str, str]:
    """Return what a firewall of this host must let in for NFS, and what for."""
    return dict(render.OPEN_PORTS) if is_server() else {}


def source() -> Storage:
    """Return the first export of the first storage host."""
    for server in inventory.get_group("storage", default=[]):
        for export in NfsSettings.of(server).exports:
            return Storage(Machine.of(server).node_address, export.path, render.SERVED)
    return Storage(None, None, render.SERVED)


@capability("nfs", "preflight")
def fit(*, cluster: Iterable[str]) -> None:
    """On a storage host, before anything is changed: what it exports for writing can be written.

    Args:
        cluster: the addresses that the client `cluster` of an export stands for.
    """
    exports = render.exports(NfsSettings.of(host).exports, sorted(cluster))
    operations.writable(name="Exports can be written to", exports=exports)


@capability("nfs", "fetch")
def fetch(*, mounts: bool) -> None:
    """In a closed network: have its packages on the laptop before any host is changed.

    Args:
        mounts: whether this host mounts exports.
    """
    packages.ahead(render.packages(serves=is_server(), mounts=mounts))


@capability("nfs")
def nfs(*, mounts: bool, cluster: Iterable[str]) -> None:
    """Export what the data say on the storage host; have the client where it is mounted.

    Args:
        mounts: whether this host mounts exports.
        cluster: the addresses that the client `cluster` of an export stands for.
    """
    packages.installed(name="Packages", names=render.packages(serves=is_server(), mounts=mounts))
    if not is_server():
        return
    exports = render.exports(NfsSettings.of(host).exports, sorted(cluster))
    operations.directories(name="Export directories", exports=exports)
    operations.exported(name="Exports", exports=exports)
    operations.serving(name=f"Service {render.SERVICE}", exports=exports)
