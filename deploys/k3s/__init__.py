"""k3s: servers and agents."""

from deploys.k3s.beforehand import check, fetch
from deploys.k3s.deploy import (
    API,
    KUBECTL,
    adopt,
    certificates,
    change,
    forwards,
    install,
    is_node,
    is_server,
    joins,
    makes_route,
    open_ports,
    platform,
    ports,
    ready,
    save_kubeconfig,
    start,
    turns,
    verify,
)
from deploys.k3s.needs import needs
from deploys.k3s.renew import renew, renewable, renewals
from deploys.k3s.settings import K3sSettings
from deploys.k3s.status import status
from whisklab.engine.run.declared import Capability, Step, on_leader

__all__ = [
    "API",
    "CAPABILITY",
    "KUBECTL",
    "change",
    "check",
    "fetch",
    "install",
    "is_node",
    "is_server",
    "joins",
    "makes_route",
    "platform",
    "ready",
    "renew",
    "renewable",
    "renewals",
    "save_kubeconfig",
    "start",
    "turns",
]

CAPABILITY = Capability(
    settings=[K3sSettings],
    ports=ports,
    open_ports=open_ports,
    forwards=forwards,
    status=on_leader(status),
    checks=[Step("the cluster was tried", on_leader(verify))],
    adopt=on_leader(adopt),
    certificates=certificates,
    needs=needs,
)
