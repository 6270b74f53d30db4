"""What leaves a lab's network: packets for which its namespace has no route; the kernel counts."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.e2e.cluster.site import Site
from tests.e2e.upstream.network import SUDO
from whisklab.lab.providers.nspawn import network
from whisklab.lab.providers.nspawn.layout import LabPaths

# Of documentation (RFC 5737): nobody's, so packets for it go to the hosts' default route.
NOWHERE = "203.0.113.9"
_COUNTER = "InNoRoutes"  # of the kernel, in the lines that begin with IpExt


def packets(site: Site) -> int:
    """How many packets the hosts of a lab have sent out of its network since it is up."""
    namespace = network.path(LabPaths(site.name, Path()).netns)
    told = subprocess.run(
        [*SUDO, "nsenter", f"--net={namespace}", "cat", "/proc/self/net/netstat"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    names, values = (line.split() for line in told.splitlines() if line.startswith("IpExt:"))
    return int(values[names.index(_COUNTER)])
