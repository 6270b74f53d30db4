"""What leaves a lab's network, or comes by SSH, by the kernel's count in the lab's namespace."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Any

from deploys.k3s.settings import K3sSettings
from tests.e2e.cluster.site import Site
from tests.e2e.upstream.network import SUDO
from whisklab.lab.providers.nspawn import network
from whisklab.lab.providers.nspawn.layout import LabPaths

# Of documentation (RFC 5737): nobody's, so packets for it go to the hosts' default route.
NOWHERE = "203.0.113.9"
_TABLE, _SET = "whisklab_outside", "left"
# A service or pod that is just going has no rule any more, so its packets come this far too.
_RULES = """
table ip {table} {{
  set {set} {{ type ipv4_addr; flags dynamic; size 4096; }}
  chain before {{
    type filter hook prerouting priority raw;
    ip daddr != {{ {ours} }} fib daddr type unicast add @{set} {{ ip daddr counter }}
  }}
}}
"""
_SENT = """
table ip {table} {{
  counter sent {{ }}
  chain after {{
    type filter hook postrouting priority 0;
    ip daddr {{ {addresses} }} tcp dport 22 counter name sent
  }}
}}
"""


def counted(site: Site) -> None:
    """Count from now on what the hosts of a lab send to others; it goes with the lab."""
    hosts = {ip_network(f"{each['address']}/24", strict=False) for each in site.lab["hosts"]}
    cluster = [K3sSettings().cluster_cidr, K3sSettings().service_cidr]
    ours = ", ".join([*map(str, hosts), *cluster])
    _nft(site, "-f", "-", stdin=_RULES.format(table=_TABLE, set=_SET, ours=ours))


def left(site: Site) -> dict[str, int]:
    """How many packets the hosts of a lab have sent to which address outside its network."""
    told = json.loads(_nft(site, "-j", "list", "set", "ip", _TABLE, _SET))
    (found,) = (each["set"] for each in told["nftables"] if "set" in each)
    elements: list[dict[str, Any]] = [each["elem"] for each in found.get("elem", [])]
    return {each["val"]: each["counter"]["packets"] for each in elements}


def counted_by_ssh(site: Site, *hosts: str) -> Callable[[], int]:
    """Count from now on the bytes that hosts get by SSH; returns who tells how many."""
    addresses = [each["address"] for each in site.lab["hosts"] if each["name"] in hosts]
    table = "_".join(("whisklab_by_ssh", *hosts))
    _nft(site, "-f", "-", stdin=_SENT.format(table=table, addresses=", ".join(addresses)))

    def sent() -> int:
        told = json.loads(_nft(site, "-j", "list", "counter", "ip", table, "sent"))
        (found,) = (each["counter"] for each in told["nftables"] if "counter" in each)
        return int(found["bytes"])

    return sent


def _nft(site: Site, *arguments: str, stdin: str = "") -> str:
    namespace = network.path(LabPaths(site.name, Path()).netns)
    return subprocess.run(
        [*SUDO, "nsenter", f"--net={namespace}", "nft", *arguments],
        check=True, input=stdin, capture_output=True, text=True,
    ).stdout  # fmt: skip
