"""What NFS needs from outside: the packages of its server and of its clients."""

from __future__ import annotations

from pyinfra.api.host import Host

from deploys.nfs import render
from whisklab.engine.needs.needed import Needs, Packages, Scope


def needs(scope: Scope) -> Needs:
    """Return the packages of all machines; the nodes mount."""
    servers = {each.name for each in scope.inventory.get_group("storage", default=[])}
    nodes = {
        each.name
        for group in ("masters", "workers")
        for each in scope.inventory.get_group(group, default=[])
    }

    def names(machine: Host) -> list[str]:
        return render.packages(serves=machine.name in servers, mounts=machine.name in nodes)

    return Needs(packages=[Packages.of(scope.inventory, names, "nfs")])
