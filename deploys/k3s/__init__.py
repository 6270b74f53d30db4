"""k3s: servers and agents."""

from deploys.k3s.deploy import (
    READY,
    adopt,
    change,
    check,
    fetch,
    install,
    is_node,
    is_server,
    joins,
    open_ports,
    ports,
    ready,
    start,
    turns,
    verify,
)
from deploys.k3s.status import status
from deploys.k3s.wanted import addresses, api, domain, leader, nodes

__all__ = [
    "READY",
    "addresses",
    "adopt",
    "api",
    "change",
    "check",
    "domain",
    "fetch",
    "install",
    "is_node",
    "is_server",
    "joins",
    "leader",
    "nodes",
    "open_ports",
    "ports",
    "ready",
    "start",
    "status",
    "turns",
    "verify",
]
