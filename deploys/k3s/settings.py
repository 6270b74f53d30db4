"""What `k3s` reads from the data."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from deploys.k3s import keys
from deploys.k3s.registries import mistake
from whisklab.engine.data.names import Port
from whisklab.engine.data.settings import Settings
from whisklab.networks import PODS, SERVICES

K3S = "k3s"  # the capability, and the product in the catalogue
VERSION = re.compile(r"v\d+\.\d+\.\d+\+k3s\d+")


def _version(value: str) -> str:
    if not VERSION.fullmatch(value):
        raise ValueError("expected a k3s version such as v1.36.4+k3s1")
    return value


def _network(value: str) -> str:
    try:
        return str(ipaddress.ip_network(value))
    except ValueError:
        raise ValueError("expected a network such as 10.42.0.0/16") from None


Version = Annotated[str, AfterValidator(_version)]
Network = Annotated[str, AfterValidator(_network)]


class K3sSettings(Settings):
    """k3s; what is about the cluster must be the same for all its servers.

    Attributes:
        version: such as "v1.36.4+k3s1"; None takes the catalogue's default.
        cluster_cidr: network of the pods.
        service_cidr: network of the services.
        cluster_init: the first server keeps its data in etcd, so that snapshots and further
            servers are possible.
        disable: bundled components that are not wanted.
        https_listen_port: of the Kubernetes API.
        tls_san: further names and addresses in the API's certificate.
        server_config: further keys of the servers' config.yaml.
        agent_config: further keys of the agents' config.yaml.
        further_keys: keys of those two that are newer than deploys/k3s/keys.py.
        registries: content of registries.yaml, such as {"mirrors": {...}}; None for no such file.
        cgroup_v1: have nodes run on version 1 of control groups, which from Kubernetes 1.35 on they
            do only when told so; systemd has used version 2 since 2021.
        airgap_images: put k3s's own images and the catalogue's archives of images on each node, for
            closed networks; switched off, they stay.
        dummy_route: in a network without a gateway, give each node a default route over a card that
            leads nowhere, as k3s starts with none; a real one comes first. Such machines need
            node_interface in the inventory.
        drain: move a node's pods to other nodes before its k3s is changed.
        foreign_files: what k3s reads beside our files, and no run has written: "warn", "refuse" to
            change anything, or "accept"; another minor of k3s beside a template for containerd only
            with "accept".
        ready_within: seconds a node may take to be Ready, with the pods it had; a real k3s that
            must pull its images on a slow line needs minutes.
        merge_kubeconfig: also merge .secrets/<environment>/kubeconfig into ~/.kube/config.
    """

    prefix: ClassVar[str] = "k3s_"
    closed: ClassVar[Mapping[str, Any]] = MappingProxyType({"airgap_images": True})

    version: Version | None = None
    cluster_cidr: Network = str(PODS)
    service_cidr: Network = str(SERVICES)
    cluster_init: bool = True
    disable: list[str] = ["servicelb", "traefik"]
    https_listen_port: Port = 6443
    tls_san: list[str] = []
    server_config: Annotated[dict[str, Any], Field(repr=False)] = {}
    agent_config: Annotated[dict[str, Any], Field(repr=False)] = {}
    further_keys: list[str] = []
    registries: Annotated[dict[str, Any] | None, Field(repr=False)] = None
    cgroup_v1: bool = False
    airgap_images: bool = False
    dummy_route: bool = False
    drain: bool = False
    foreign_files: Literal["warn", "refuse", "accept"] = "warn"
    ready_within: Annotated[int, Field(ge=1)] = 300
    merge_kubeconfig: bool = False

    @property
    def cluster_domain(self) -> str:
        """Domain of the cluster's names; k3s's default unless the servers' keys say another."""
        return str(self.server_config.get("cluster-domain", "cluster.local"))

    def config_of(self, *, server: bool) -> dict[str, Any]:
        """Return the further keys of the config.yaml of a server, or of an agent."""
        return self.server_config if server else self.agent_config

    @model_validator(mode="after")
    def _keys_known(self) -> Self:
        for name, given, known in (
            ("k3s_server_config", self.server_config, keys.SERVER),
            ("k3s_agent_config", self.agent_config, keys.AGENT),
        ):
            for key in given:
                why = keys.unknown(key, known | set(self.further_keys))
                if why:
                    raise ValueError(
                        f"{name}: {why} (a key of a newer k3s goes into k3s_further_keys too)"
                    )
        return self

    @model_validator(mode="after")
    def _registries_used(self) -> Self:
        if self.registries and (wrong := mistake(self.registries)):
            raise ValueError(f"k3s_registries: {wrong}")
        return self

    @model_validator(mode="after")
    def _networks_apart(self) -> Self:
        networks = (self.cluster_cidr, self.service_cidr)
        pods, services = map(ipaddress.ip_network, networks)
        if pods.overlaps(services):
            raise ValueError(
                f"k3s_cluster_cidr {pods} and k3s_service_cidr {services} overlap: choose two "
                "networks apart from each other"
            )
        return self
