"""Which of an instance's addresses is the one by which it is reached. Pure.

Multipass lists the one on its own network first as a rule, then all others: of the CNI, of Docker,
of a second card. What counts in the end is who answers there with the machine's host key.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network

from whisklab.networks import PODS, SERVICES

# Pods, services and Docker have these by default; an address there is no machine's own.
_INSIDE = (
    PODS,
    SERVICES,
    *map(IPv4Network, ("172.17.0.0/16", "169.254.0.0/16", "127.0.0.0/8")),
)


def candidates(listed: Iterable[IPv4Address], before: IPv4Address | None) -> list[IPv4Address]:
    """Return the addresses to try, the best first, whatever order they are listed in.

    Args:
        listed: what Multipass says.
        before: the one that it had; first, if it is among them.
    """
    there = sorted(set(listed))
    own = [each for each in there if not any(each in network for network in _INSIDE)]
    return sorted(own or there, key=lambda each: each != before)
