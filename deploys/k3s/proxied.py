"""The environment of a machine's k3s that reaches upstream by a proxy. Pure."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable

from deploys.k3s.render import HEADER
from deploys.k3s.settings import K3sSettings
from whisklab.engine.data.machine import Machine

NEVER_PROXIED = ("localhost", "127.0.0.0/8")


def environment(machine: Machine, settings: K3sSettings, addresses: Iterable[str]) -> str | None:
    """Return the environment file of a machine behind a proxy, None without one.

    What belongs to the cluster is reached directly; an address that a network of `no_proxy` covers
    is not listed, so that a new machine in it changes nothing.

    Args:
        machine: with its proxies.
        settings: of the cluster.
        addresses: of all its machines.
    """
    proxies = {"HTTP_PROXY": machine.http_proxy, "HTTPS_PROXY": machine.https_proxy}
    given = {name: value for name, value in proxies.items() if value is not None}
    if not given:
        return None
    names = (".svc", f".{settings.cluster_domain}", *NEVER_PROXIED)
    networks = [*machine.no_proxy, settings.cluster_cidr, settings.service_cidr, *names]
    single = sorted(each for each in addresses if not _covered(each, networks))
    values = {**given, "NO_PROXY": ",".join(dict.fromkeys([*networks, *single]))}
    return "\n".join([HEADER, *(f"{name}={value}" for name, value in values.items())]) + "\n"


def _covered(address: str, networks: Iterable[str]) -> bool:
    for network in networks:
        try:
            if ipaddress.ip_address(address) in ipaddress.ip_network(network):
                return True
        except ValueError:
            continue  # a name
    return False
