"""What `preflight` reads from the data."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from whisklab.engine.data.settings import Settings

Kind = Literal[
    "address", "architecture", "br_netfilter", "card", "clock", "cpus", "disk", "firewall",
    "forwarding", "machine-id", "memory", "memory-cgroup", "moved", "name", "os", "overlay", "port",
    "reach", "route", "systemd", "tools",
]  # fmt: skip
Amount = Annotated[int, Field(ge=0)]


class PreflightSettings(Settings):
    """What a machine must at least have.

    The minima are those that k3s documents for an agent; group_data/masters.py has a server's.

    Attributes:
        min_cpus: processors.
        min_memory_mb: memory as it was bought; what the kernel keeps for itself is allowed for.
        min_disk_mb: free space where /var/lib is: k3s, its images and the packages need 1.5 GB.
        accept: findings that shall only warn, by the word before them, such as "firewall".
    """

    prefix: ClassVar[str] = "preflight_"

    min_cpus: Amount = 1
    min_memory_mb: Amount = 512
    min_disk_mb: Amount = 2048
    accept: list[Kind] = []
