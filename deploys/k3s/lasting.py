"""What a node of k3s keeps from its first start to its end. Pure."""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Mapping

from deploys.k3s import render

_CLUSTER = "build a new cluster with it (`whisklab actions export` keeps the actions)"
# Keys of config.yaml that k3s's documentation says cannot change, or that name where its data are,
# without which it begins another cluster; and the way out.
FIXED = {
    "node-name": "drain the node, end its k3s, `kubectl delete node` it, and add it as a new one",
    "cluster-cidr": _CLUSTER,
    "service-cidr": _CLUSTER,
    "cluster-dns": _CLUSTER,
    "cluster-domain": _CLUSTER,
    "data-dir": _CLUSTER,
    "datastore-endpoint": _CLUSTER,
}
# k3s's own (pkg/cli/cmds).
DEFAULTS = {
    "bind-address": "0.0.0.0",  # noqa: S104  what k3s says
    "cluster-cidr": "10.42.0.0/16",
    "cluster-domain": "cluster.local",
    "data-dir": render.DATA,
    "egress-selector-mode": "agent",
    "etcd-snapshot-name": "etcd-snapshot",
    "etcd-snapshot-retention": "5",
    "etcd-snapshot-schedule-cron": "0 */12 * * *",
    "flannel-backend": "vxlan",
    "https-listen-port": "6443",
    "lb-server-port": "6444",
    "private-registry": render.REGISTRIES,
    "service-cidr": "10.43.0.0/16",
    "service-node-port-range": "30000-32767",
    "servicelb-namespace": "kube-system",
    "snapshotter": "overlayfs",
    "tls-san-security": "true",
    "write-kubeconfig": render.KUBECONFIG,
}
DNS_AT = 10  # in the network of the services
HIDDEN = "one that is not shown"
NONE = "the default"
OWN = {"cluster-cidr", "service-cidr"}  # k3s_cluster_cidr and k3s_service_cidr


def values(given: object) -> tuple[str, ...]:
    """Return a setting's values, of a flag, a line of YAML, or what YAML has become, alike."""
    if isinstance(given, list | tuple):
        return tuple(one for each in given for one in values(each))
    text = str(given).lower() if isinstance(given, bool) else str(given).partition(" #")[0]
    parts = (each.strip(" \t[]'\"") for each in text.split(","))
    return tuple(each for each in parts if each)


def fixed(
    name: str,
    before: Mapping[str, object],
    wanted: Mapping[str, object],
    places: Mapping[str, str] | None = None,
    *,
    is_server: bool = True,
) -> list[str]:
    """Return why settings cannot be changed that a node keeps.

    Args:
        name: of the machine.
        before: what it last started well with, by key of config.yaml; empty for a new one.
        wanted: what it is to have.
        places: key to the file that says so, of a k3s that no run has set up.
        is_server: whether it runs the control plane.
    """
    found = []
    for key, way_out in FIXED.items() if before else ():
        if before.get(key, wanted.get(key)) is None:
            continue  # both have the default, or it is a list, of which only the head was read
        old, new = _of(before, key), _of(wanted, key)
        if old != new:
            place = f", as {(places or {})[key]} says" if key in (places or {}) else ""
            found.append(
                f"{key}: {name} runs with {old}{place}, and k3s cannot change to {new} on a node "
                f"that is there: {_setting(key, old, is_server=is_server)}, or {way_out}"
            )
    return found


def _of(config: Mapping[str, object], key: str) -> str:
    if key in config:
        return HIDDEN if key in render.SECRET_KEYS else ",".join(values(config[key]))
    return _dns(_of(config, "service-cidr")) if key == "cluster-dns" else DEFAULTS.get(key, NONE)


def _dns(services: str) -> str:
    try:
        return str(ipaddress.ip_network(services.partition(",")[0])[DNS_AT])
    except (ValueError, IndexError):
        return NONE


def _setting(key: str, old: str, *, is_server: bool) -> str:
    of_role = "k3s_server_config" if is_server else "k3s_agent_config"
    if key == "node-name":
        return f"call it {old} in the inventory"
    if old == NONE:
        return f"take it out of {of_role}"
    if key in OWN and "," not in old:
        return f'set k3s_{key.replace("-", "_")} = "{old}"'
    also = ", and k3s_cluster_init = False" if key == "datastore-endpoint" else ""
    return f"set {of_role} = {json.dumps({key: '...' if old == HIDDEN else old})}{also}"
