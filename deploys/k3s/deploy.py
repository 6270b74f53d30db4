"""k3s: servers and agents. The story; what is wanted is in wanted.py, content in render.py.

What is judged before any host is changed is in beforehand.py.
"""

from __future__ import annotations

from collections.abc import Callable

from pyinfra import host
from pyinfra.api.host import Host

from deploys.k3s import (
    images,
    kubeconfig,
    namesakes,
    operations,
    packed,
    render,
    rolling,
    service,
    token,
    wanted,
)
from deploys.k3s.nodes import Replaced, nobody
from deploys.k3s.settings import K3S, K3sSettings
from deploys.k3s.turns import Turn
from whisklab.engine.data.machine import Machine
from whisklab.engine.drift.settings import DriftSettings
from whisklab.engine.kubernetes.client import Client
from whisklab.engine.registries import asking, registry
from whisklab.engine.resources import units
from whisklab.engine.run import checks
from whisklab.engine.run.capability import capability, selected
from whisklab.engine.run.declared import Kept, Platform, Storage
from whisklab.engine.ssh.forwards import LOOPBACK, Forward
from whisklab.errors import WhisklabError

READY = "nodes are Ready"  # a check
API = "kubernetes"  # what `whisklab forward` opens
KUBECTL = (render.BINARY, "kubectl")


def is_server() -> bool:
    """Tell whether this host runs the control plane."""
    return wanted.is_server(host)


def is_node() -> bool:
    """Tell whether this host is in the cluster."""
    return wanted.is_node(host)


def makes_route() -> bool:
    """Tell whether this host is a node that gets a default route from its k3s."""
    return is_node() and K3sSettings.of(host).dummy_route


def ports(_: Platform) -> dict[int, str]:
    """Return the TCP ports on which k3s listens on this host, and its service."""
    if not is_node():
        return {}
    return render.ports(wanted.node(host), K3sSettings.of(host))


def open_ports(_: Platform) -> dict[str, str]:
    """Return what a firewall of this host must let in for k3s, and what for."""
    if not is_node():
        return {}
    return render.open_ports(wanted.node(host), K3sSettings.of(wanted.leader()))


def platform(storage: Storage) -> Platform:
    """Return what the capabilities are told of one another.

    Args:
        storage: where volumes lie.
    """
    return Platform(
        leader=wanted.leader(),
        nodes=wanted.nodes(),
        addresses=wanted.addresses(),
        api=wanted.api(),
        domain=K3sSettings.of(wanted.leader()).cluster_domain,
        ready=READY,
        storage=storage,
        crictl=(render.BINARY, "crictl"),
    )


def forwards(master: Host) -> list[Forward]:
    """Return the Kubernetes API, as a master sees it."""
    return [Forward(API, LOOPBACK, K3sSettings.of(master).https_listen_port)]


def certificates(_: Platform) -> Kept:
    """Return where k3s's certificates are on this host, and whose kubeconfig has one."""
    if not is_node():
        return Kept()
    settings = K3sSettings.of(host)
    merged = settings.merge_kubeconfig and host.name == wanted.leader().name
    return Kept(
        [render.certificates(wanted.node(host), settings)], [kubeconfig.own()] if merged else []
    )


def joins() -> bool:
    """Tell whether this host is new in the cluster, so that its change disturbs nothing."""
    member = wanted.members().get(host.name) if is_node() and selected(K3S) else None
    return member is not None and member.joins


def turns() -> list[str]:
    """Return the nodes that must change one after the other, in this order."""
    return rolling.turns(wanted.members().values()) if selected(K3S) else []


@capability(K3S, "files")
def install() -> None:
    """Put binary, token, configuration and unit on a node; nothing is started."""
    for wish in host.loop(wanted.files(host)):
        wish.have()


@capability(K3S, "service")
def start(turn: Turn | None = None) -> None:
    """Have the service of this node running from just these files.

    Args:
        turn: what is asked of the node before and afterwards; None for a new one.
    """
    node, member = wanted.node(host), wanted.members()[host.name]
    if member.joins and member.anew:
        namesakes.forgotten(
            name="No other machine of this name", leader=wanted.leader(), api=wanted.api()
        )
    operations.containerd_readable(
        name="containerd's records",
        service=node.service,
        directory=render.containerd(node, K3sSettings.of(host)),
    )
    service.running(_before(turn), turn.settle if turn else None)
    if given := images.wanted():
        images.held(
            name="Images in containerd",
            images=given,
            within=K3sSettings.of(host).ready_within,
        )


def _before(turn: Turn | None) -> Callable[[Host], None]:
    access, wish = registry.access(), wanted.service_wish(host)

    def begin(node: Host) -> None:
        unit = wanted.node(node).service
        runs = node.get_fact(units.Service, service=unit).started_from
        if access is not None and runs.get(render.REGISTRIES) != wish[render.REGISTRIES]:
            asking.let_in(node, access)
        if turn is not None:
            turn.begin(node)

    return begin


def change(replaced: Replaced = nobody) -> None:
    """Change this node in its turn, while all others work.

    A new server is started only: its files are there, and nothing runs on it that could suffer.

    Args:
        replaced: tells which pods a drain may end though they have no controller.
    """
    turn = wanted.turn(drain=K3sSettings.of(host).drain, replaced=replaced)
    if joins():
        start(turn if len(wanted.servers()) > 1 else None)
        return
    _begin(turn)
    install()
    start(turn)


@capability(K3S, "turn")
def _begin(turn: Turn) -> None:
    members, order, settings = wanted.members(), turns(), K3sSettings.of(host)
    had_theirs = order[: order.index(host.name)]
    others = [
        each.name
        for each in members.values()
        if each.name in had_theirs or (not each.pending and each.name != host.name)
    ]
    # One that is down cannot get worse by its turn, and may be the one whose API is asked.
    names = others if members[host.name].active else []
    operations.others_ready(name="The others are Ready", names=names, turn=turn)
    if is_server() and settings.cluster_init:
        operations.snapshot(
            name="etcd snapshot", service=wanted.node(host).service, wish=wanted.service_wish(host)
        )


@capability(K3S, "cluster")
def ready() -> None:
    """On the leader: wait until all nodes are Ready, save the kubeconfig on the laptop."""
    settings, api = K3sSettings.of(host), wanted.api()
    operations.nodes_ready(
        name="All nodes are Ready",
        names=[each.name for each in wanted.nodes()],
        api=api,
        within=settings.ready_within,
        started={name: at for name, each in wanted.members().items() if (at := each.started)},
    )
    operations.uncordoned(name="No node is cordoned by us", api=api)
    packed.kept(
        name="What k3s brings itself",
        api=api,
        directory=f"{token.data(host)}/server/manifests",
        ignored=DriftSettings.of(host).ignored,
        within=settings.ready_within,
    )
    save_kubeconfig()


def save_kubeconfig() -> None:
    """On the leader: have the kubeconfig on the laptop."""
    machine, port = Machine.of(host), wanted.api().port
    kubeconfig.saved(
        name="Kubeconfig on the laptop",
        server=machine.api_address or render.url(machine.node_address, port).split("//")[1],
        merge=K3sSettings.of(host).merge_kubeconfig,
    )


def adopt(_: Platform) -> None:
    """On the leader: take over the token and the kubeconfig of the running cluster.

    Raises:
        WhisklabError: there is no cluster.
    """
    if token.running(wanted.servers()) is None:
        raise WhisklabError(
            f"{host.name} has no cluster, so there is nothing to take over: run `whisklab apply`"
        )
    token.token(wanted.servers())
    save_kubeconfig()


@capability(K3S, "verify")
def verify(platform: Platform) -> None:
    """On the leader: all nodes are Ready, now."""
    names = [each.name for each in platform.nodes]

    def all_ready(leader: Host) -> str:
        missing = operations.missing(Client(leader, platform.api), names)
        if missing:
            raise WhisklabError(f"not Ready: {', '.join(missing)}")
        return f"{len(names)} nodes"

    checks.check(name="All nodes are Ready", what=READY, work=all_ready)
