"""What a capability declares of itself, once: settings, ports, forwards, status and checks.

`deploys/__init__.py` lists the capabilities; config.py, deploy.py, verify.py, status.py, adopt.py
and `whisklab forward` go through that list.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyinfra import host
from pyinfra.api.host import Host

from whisklab.engine.data.settings import Settings
from whisklab.engine.kubernetes.kube import Endpoint
from whisklab.engine.needs.needed import Needs, Scope
from whisklab.engine.ssh.forwards import Forward
from whisklab.errors import BadInput


@dataclass(frozen=True)
class Storage:
    """Where the cluster's volumes lie.

    Attributes:
        address: of the NFS server, None for none.
        path: what it exports, None for nothing.
        served: the check (of verify) without which no claim can be bound.
    """

    address: str | None
    path: str | None
    served: str


@dataclass(frozen=True)
class Platform:
    """What the capabilities are told of one another, since none imports another one.

    Attributes:
        leader: the first server, whose Kubernetes API is asked.
        nodes: the machines of the cluster, servers first.
        addresses: of these, in the cluster's network.
        api: of Kubernetes, on the leader.
        domain: of the cluster's names.
        ready: the check (of verify) that all nodes are Ready.
        storage: where volumes lie.
        crictl: the command that asks a node's container runtime.
    """

    leader: Host
    nodes: Sequence[Host]
    addresses: Sequence[str]
    api: Endpoint
    domain: str
    ready: str
    storage: Storage
    crictl: Sequence[str]

    def has(self, machine: Host) -> bool:
        """Tell whether a machine is in the cluster."""
        return machine.name in {each.name for each in self.nodes}


Work = Callable[[Platform], None]


@dataclass(frozen=True)
class Step:
    """A part of verify; all hosts have ended it before one begins the next.

    Attributes:
        done: what is complete then.
        work: called for every host; makes the checks that are for it.
    """

    done: str
    work: Work


@dataclass(frozen=True)
class Kept:
    """Where certificates of a capability lie.

    Attributes:
        on_host: patterns of files on the host at work.
        kubeconfigs: of users, on the laptop, in which the environment is; the leader says them.
    """

    on_host: Sequence[str] = ()
    kubeconfigs: Sequence[Path] = ()


def _no_ports(_: Platform) -> dict[int, str]:
    return {}


def _no_open_ports(_: Platform) -> dict[str, str]:
    return {}


def _no_forwards(_: Host) -> list[Forward]:
    return []


def _no_certificates(_: Platform) -> Kept:
    return Kept()


def _no_needs(_: Scope) -> Needs:
    return Needs()


def _nothing(_: Platform) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Capability:
    """All that the rest of the program knows of a capability, but for its place in deploy.py.

    Attributes:
        settings: the models of the data that it reads.
        ports: TCP port on which it listens on this host, and its service.
        open_ports: what a firewall of this host must let in (`8472/udp`), and what for.
        forwards: what `whisklab forward` opens, as the given master sees it.
        status: tells what is there now, by `overview.tell`.
        checks: of verify, in order.
        adopt: takes over what the running platform has and this laptop lacks.
        certificates: where its certificates lie, as this host has them.
        renew: brings those of the environment's authority that were made anew to this host.
        needs: what must come from outside the environment's network.
    """

    settings: Sequence[type[Settings]] = ()
    ports: Callable[[Platform], Mapping[int, str]] = _no_ports
    open_ports: Callable[[Platform], Mapping[str, str]] = _no_open_ports
    forwards: Callable[[Host], Sequence[Forward]] = _no_forwards
    status: Work = _nothing
    checks: Sequence[Step] = ()
    adopt: Work = _nothing
    certificates: Callable[[Platform], Kept] = _no_certificates
    renew: Work = _nothing
    needs: Callable[[Scope], Needs] = _no_needs


def on_leader(work: Work) -> Work:
    """Return the same for the leader only."""

    def call(platform: Platform) -> None:
        if host.name == platform.leader.name:
            work(platform)

    return call


def ports(capabilities: Iterable[Capability], platform: Platform) -> dict[int, str]:
    """Return the TCP ports on which this host will listen, and their services.

    Raises:
        BadInput: two services want one port.
    """
    found: dict[int, str] = {}
    for each in capabilities:
        for port, service in each.ports(platform).items():
            if found.setdefault(port, service) != service:
                raise BadInput(
                    f"{host.name}: port {port} is wanted by {found[port]} and by {service}: give "
                    "one of them another port in group_data"
                )
    return found


def open_ports(capabilities: Iterable[Capability], platform: Platform) -> dict[str, str]:
    """Return what a firewall of this host must let in, and what for."""
    return {
        port: purpose
        for each in capabilities
        for port, purpose in each.open_ports(platform).items()
    }
