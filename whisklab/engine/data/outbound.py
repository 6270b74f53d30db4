"""Which way a machine's services go out: through its proxy, or directly. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable


def proxy(https_proxy: str | None, no_proxy: Iterable[str], host: str) -> str | None:
    """Return the proxy on the way to an HTTPS host, None for none, as programs in Go see it.

    Args:
        https_proxy: of the machine.
        no_proxy: addresses, networks, names and .suffixes that are reached directly.
        host: a name or an address, without a port.
    """
    direct = https_proxy is None or any(_covers(each.lower(), host.lower()) for each in no_proxy)
    return None if direct else https_proxy


def _covers(entry: str, host: str) -> bool:
    if entry == "*":
        return True
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(entry, strict=False)
    except ValueError:  # a name
        name = entry.removeprefix("*")
    inside = host.endswith(f".{name.removeprefix('.')}")
    return inside or host == name
