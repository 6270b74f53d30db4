"""k3s: servers and agents."""

from deploys.k3s.deploy import (
    api,
    check,
    fetch,
    install,
    is_node,
    is_server,
    leader,
    nodes,
    open_ports,
    ports,
    ready,
    start,
)

__all__ = [
    "api",
    "check",
    "fetch",
    "install",
    "is_node",
    "is_server",
    "leader",
    "nodes",
    "open_ports",
    "ports",
    "ready",
    "start",
]
