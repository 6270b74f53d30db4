"""What k3s reads, as pure functions of the settings. Paths and names stand here, once."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from deploys.k3s.settings import K3sSettings
from whisklab.engine.resources.paths import digest
from whisklab.engine.resources.units import recorder
from whisklab.engine.templates import rendered

BINARY = "/usr/local/bin/k3s"
LINKS = ("/usr/local/bin/kubectl", "/usr/local/bin/crictl", "/usr/local/bin/ctr")
CONFIG = "/etc/rancher/k3s/config.yaml"
TOKEN = "/etc/rancher/k3s/cluster-token"  # noqa: S105  a path
REGISTRIES = "/etc/rancher/k3s/registries.yaml"
NAME_SERVERS = "/etc/rancher/k3s/resolv.conf"
REGISTRY_CA = "/etc/rancher/k3s/registry-ca.crt"  # read at each pull
KUBECONFIG = "/etc/rancher/k3s/k3s.yaml"
DEFAULTS = "/etc/default"  # what units read their environment from
DATA = "/var/lib/rancher/k3s"  # k3s's own default
PASSWORD = "/etc/rancher/node/password"  # noqa: S105  a path; what a node is known by
IMAGES = f"{DATA}/agent/images"
SHOWN = "dynamic-cert.json"  # below server/tls: the certificate that a server shows to all
KUBELET_HEALTH = "http://127.0.0.1:10248/healthz"  # Kubernetes' default, on servers and agents
SERVER, AGENT = "k3s", "k3s-agent"
# Of k3s's documentation, "k3s server": what must not be shown by --diff.
SECRET_KEYS = {"token", "agent-token", "datastore-endpoint", "etcd-s3-access-key",
               "etcd-s3-secret-key", "etcd-s3-session-token", "etcd-s3-proxy",
               "vpn-auth"}  # fmt: skip
SECRET_LINES = rf"^[\"']?({'|'.join(sorted(SECRET_KEYS))})\+?[\"']?[[:space:]]*:"
SNAPSHOT, SNAPSHOTS = (
    "whisklab",
    5,
)  # base name of ours, and how many stay, as k3s does with its own
# As k3s's documentation says it ("Prepare the network": default network route), but for the card: a
# bridge without ports leads nowhere as well as a dummy, for which many kernels lack the driver, and
# k3s needs bridges anyhow. The addresses are of RFC 5737, and the metric is behind those of real
# routes.
DUMMY_CARD, DUMMY_ADDRESS, DUMMY_GATEWAY = "whisklab0", "203.0.113.254/31", "203.0.113.255"
DUMMY_METRIC = "2000"
KUBELET_PORT = 10250
# What a kubelet has written down of its own pulls. Since Kubernetes 1.35 it gives an image that it
# has pulled once to those pods only that name it in the same way ("busybox", not "docker.io/
# library/busybox"), and for others asks a registry again; without a record it is anybody's
# (KEP-2535; its documentation: "removing the image pull records").
PULL_RECORDS = "/var/lib/kubelet/image_manager/pulled"
RESOLV_CONF = "resolv-conf"  # of config.yaml
KUBELET_ARG = "kubelet-arg"  # of config.yaml
# Of it, too. k3s does so for registries with an entry below `mirrors`, "*" among them (its
# documentation, "Default Endpoint Fallback", and pkg/agent/containerd/config.go).
MIRRORS_ONLY = "disable-default-registry-endpoint"
ON_CGROUP_V1 = "fail-cgroupv1=false"  # of the kubelet
ETCD_PORTS = (2379, 2380)  # for clients and for other servers
FLANNEL_PORTS = {"vxlan": 8472, "wireguard-native": 51820}  # UDP, by backend
HEADER = "# Written by whisklab (deploys/k3s); changes are undone by the next run."

_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True)
class Node:
    """A machine in the cluster.

    Attributes:
        name: the node's name.
        address: its address in the cluster's network.
        join: the URL of the server it joins, None for the first server.
        is_server: whether it runs the control plane.
        interface: the network card that has the address, None where k3s finds it.
        api_host: a further name the laptop reaches its API by, None for none.
        environment: content of its environment file (see `proxied`), None for no such file.
        registries: content of registries.yaml (see `mirrors`), None for no such file.
        kubelet_args: of ours, beside those of the settings.
        mirrors_only: whether a registry that has a mirror is never asked itself.
        dummy_route: whether it gets a default route that leads nowhere.
        pulls: whether it may have images from elsewhere than its own archives.
        resolv_conf: content of the file of name servers for its pods (see `resolving`), None where
            k3s finds one.
    """

    name: str
    address: str
    join: str | None
    is_server: bool
    interface: str | None = None
    api_host: str | None = None
    environment: str | None = field(default=None, repr=False)
    registries: str | None = field(default=None, repr=False)
    kubelet_args: tuple[str, ...] = ()
    mirrors_only: bool = False
    dummy_route: bool = False
    pulls: bool = True
    resolv_conf: str | None = None

    @property
    def service(self) -> str:
        """The systemd unit's name."""
        return SERVER if self.is_server else AGENT

    @property
    def unit_path(self) -> str:
        """Where its unit stands."""
        return f"/etc/systemd/system/{self.service}.service"

    @property
    def environment_path(self) -> str:
        """Where its environment stands."""
        return f"{DEFAULTS}/{self.service}"


def url(address: str, port: int) -> str:
    """Return the API's URL at an IPv4 or IPv6 address."""
    bracketed = f"[{address}]" if ipaddress.ip_address(address).version == 6 else address  # noqa: PLR2004
    return f"https://{bracketed}:{port}"


def config(node: Node, settings: K3sSettings) -> str:
    """Return config.yaml of a node."""
    values: dict[str, Any] = {
        "node-name": node.name,
        "node-ip": node.address,
        "token-file": TOKEN,
    }
    if node.interface:
        values["flannel-iface"] = node.interface  # else the one with the default route
    if node.join:
        values["server"] = node.join
    if node.mirrors_only:
        values[MIRRORS_ONLY] = True
    if node.resolv_conf is not None:
        values[RESOLV_CONF] = NAME_SERVERS
    if node.is_server:
        values |= _server_values(node, settings)
    values |= settings.config_of(server=node.is_server)
    if node.kubelet_args:
        given = values.get(KUBELET_ARG, [])
        theirs = given if isinstance(given, list) else [given]
        values[KUBELET_ARG] = [*node.kubelet_args, *theirs]  # the last of two counts
    return HEADER + "\n" + yaml.safe_dump(values, sort_keys=True)


def holds_secrets(settings: K3sSettings) -> bool:
    """Tell whether a config.yaml of these settings must not be shown."""
    given = (*settings.server_config, *settings.agent_config)
    return not SECRET_KEYS.isdisjoint(key.removesuffix("+") for key in given)


def _server_values(node: Node, settings: K3sSettings) -> dict[str, Any]:
    names = [node.address, node.name, *([node.api_host] if node.api_host else [])]
    values: dict[str, Any] = {
        "cluster-cidr": settings.cluster_cidr,
        "service-cidr": settings.service_cidr,
        "disable": sorted(settings.disable),
        "tls-san": sorted({*names, *settings.tls_san}),
        "https-listen-port": settings.https_listen_port,
        "write-kubeconfig-mode": "0600",
    }
    if settings.cluster_init and node.join is None:
        values["cluster-init"] = True
    return values


def ports(node: Node, settings: K3sSettings) -> dict[int, str]:
    """Return the TCP ports on which k3s listens on a node, and the unit that does."""
    found = {KUBELET_PORT: node.service}
    if node.is_server:
        found[settings.https_listen_port] = node.service
        if settings.cluster_init:
            found |= dict.fromkeys(ETCD_PORTS, node.service)
    return found


def open_ports(node: Node, settings: K3sSettings) -> dict[str, str]:
    """Return what a firewall of a node must let in, and what for; from k3s's requirements.

    Args:
        node: the node.
        settings: of the servers, which decide for all nodes.
    """
    found = {f"{KUBELET_PORT}/tcp": "kubelet, from all nodes"}
    if node.is_server:
        found[f"{settings.https_listen_port}/tcp"] = "Kubernetes API, from all nodes"
        if settings.cluster_init:
            found["-".join(map(str, ETCD_PORTS)) + "/tcp"] = "etcd, from servers"
    backend = str(settings.server_config.get("flannel-backend", "vxlan"))
    if backend in FLANNEL_PORTS:
        found[f"{FLANNEL_PORTS[backend]}/udp"] = f"flannel {backend}, from all nodes"
    return {**found, f"all from {settings.cluster_cidr}": "pods",
            f"all from {settings.service_cidr}": "services"}  # fmt: skip


def unit(node: Node) -> str:
    """Return the systemd unit of a node."""
    optional = [] if node.registries is None else [REGISTRIES]
    if node.environment is not None:
        optional.append(node.environment_path)
    return rendered(
        _TEMPLATES / "k3s.service.j2",
        role="server" if node.is_server else "agent",
        binary=BINARY,
        dummy_route=_dummy_route() if node.dummy_route else [],
        pull_records=None if node.pulls else PULL_RECORDS,
        record=recorder(node.service, [BINARY, CONFIG, *optional, node.unit_path]),
    )


def _dummy_route() -> list[str]:
    """Return the arguments of ip that make it; what is there already may fail."""
    return [
        f"link add {DUMMY_CARD} type bridge",
        f"link set {DUMMY_CARD} up",
        f"address replace {DUMMY_ADDRESS} dev {DUMMY_CARD}",
        f"route replace default via {DUMMY_GATEWAY} dev {DUMMY_CARD} metric {DUMMY_METRIC}",
    ]


def _data(node: Node, settings: K3sSettings) -> str:
    config = settings.config_of(server=node.is_server)
    return str(config.get("data-dir", DATA))


def containerd(node: Node, settings: K3sSettings) -> str:
    """Return the root of a node's containerd."""
    return f"{_data(node, settings)}/agent/containerd"


def certificates(node: Node, settings: K3sSettings) -> str:
    """Return the patterns of the files of a node with k3s's certificates, separated by spaces."""
    of_agent = f"{_data(node, settings)}/agent/*.crt"
    if not node.is_server:
        return of_agent
    # Scheduler and controller manager have theirs in directories of their own since k3s 1.33.
    below = ("", "etcd/", "kube-scheduler/", "kube-controller-manager/")
    own = tls(node, settings)
    return " ".join([*(f"{own}/{each}*.crt" for each in below), f"{own}/{SHOWN}", KUBECONFIG,
                     of_agent])  # fmt: skip


def tls(node: Node, settings: K3sSettings) -> str:
    """Return the directory of a server's own certificates."""
    return f"{_data(node, settings)}/server/tls"


def beside(node: Node, settings: K3sSettings) -> str:
    """Return the patterns of what k3s and its unit read beside our files, separated by spaces."""
    patterns = [
        f"{CONFIG}.d/*.yaml",
        f"{node.unit_path}.d/*.conf",
        f"{_data(node, settings)}/agent/etc/containerd/*.tmpl",
        *([REGISTRIES] if node.registries is None else []),
    ]
    return " ".join(patterns)


def wish(node: Node, settings: K3sSettings, binary_sha256: str) -> dict[str, str]:
    """Return what the service must have started from: path to SHA-256."""
    wish = {
        BINARY: binary_sha256,
        CONFIG: digest(config(node, settings)),
        node.unit_path: digest(unit(node)),
    }
    if node.registries is not None:
        wish[REGISTRIES] = digest(node.registries)
    if node.environment is not None:
        wish[node.environment_path] = digest(node.environment)
    return wish
