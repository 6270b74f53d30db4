"""k3s: servers and agents. The story; what is wanted is in wanted.py, content in render.py."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

import yaml
from pyinfra import host
from pyinfra.api.host import Host

from deploys.k3s import kubeconfig, operations, packed, render, rolling, service, token, wanted
from deploys.k3s.facts import ControlGroups, FixedSettings
from deploys.k3s.settings import K3sSettings
from deploys.k3s.turns import Turn
from whisklab.engine import artifacts, asking, checks, expiry, registry, room, services
from whisklab.engine.capability import capability, selected
from whisklab.engine.declared import Kept, Platform, Storage
from whisklab.engine.drift.settings import DriftSettings
from whisklab.engine.forwards import LOOPBACK, Forward
from whisklab.engine.machine import Machine
from whisklab.engine.possible import possible
from whisklab.engine.progress import tell
from whisklab.errors import BadInput, WhisklabError

K3S = "k3s"
READY = "nodes are Ready"  # a check
API = "kubernetes"  # what `whisklab forward` opens
KUBECTL = (render.BINARY, "kubectl")


def is_server() -> bool:
    """Tell whether this host runs the control plane."""
    return wanted.is_server(host)


def is_node() -> bool:
    """Tell whether this host is in the cluster."""
    return wanted.is_node(host)


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


def check() -> None:
    """Check what concerns several hosts at once.

    Raises:
        BadInput: two servers disagree on the cluster, or an agent is newer than the servers.
    """
    first, *others = wanted.servers()
    for other in others:
        if K3sSettings.of(other) != K3sSettings.of(first):
            raise BadInput(
                f"{first.name} and {other.name} have different k3s_ settings: all servers of a "
                "cluster must agree, put them into group_data/masters.py"
            )
    for each in wanted.nodes():
        if rolling.newer(wanted.version(each), wanted.version(first)):
            raise BadInput(
                f"{each.name} is to have k3s {wanted.version(each)}, newer than "
                f"{wanted.version(first)} of the servers, which Kubernetes does not support: "
                "raise k3s_version of the servers too"
            )


@capability(K3S, "fetch")
def fetch() -> None:
    """Have a change that is possible, and everything on the laptop, before any host is changed."""
    if host.name == wanted.leader().name:
        wrong = token.refusal(wanted.servers())
        possible(name="The cluster keeps its token", refusals=[wrong] if wrong else [])
        _say_end()
    member = wanted.members().get(host.name)
    if member is not None:
        _say_foreign(member)
        expiry.note(host.name, member.certificates)
    if member is None or not member.pending:
        return
    available = wanted.catalogue(host).versions("k3s")
    refusal = rolling.refusal(member, wanted.version(host), available)
    node = wanted.node(host)
    before = host.get_fact(
        FixedSettings,
        path=f"{services.LAST_GOOD}/{node.service}{render.CONFIG}",
        keys=list(rolling.FIXED),
    )
    after = yaml.safe_load(render.config(node, K3sSettings.of(host)))
    refusals = [*([refusal] if refusal else []), *_without_cgroup_v2(after),
                *rolling.fixed(host.name, before, after)]  # fmt: skip
    possible(name="k3s can be changed", refusals=refusals)
    files = wanted.artifacts(host)
    room.room(name="Room for k3s", files=[(each.artifact, each.path) for each in files])
    for each in host.loop(files):
        artifacts.fetched(name=f"{each.name} in the cache", artifact=each.artifact, path=each.path)


def _say_end() -> None:
    version, known = wanted.version(host), wanted.catalogue(host)
    ends, today = known.ends(K3S, version), datetime.now(UTC).date()
    sentence = rolling.ended(version, ends, today, known.versions(K3S))
    if sentence:
        tell(sentence)


def _without_cgroup_v2(config: Mapping[str, object]) -> list[str]:
    """Return why the wanted kubelet would not start on this host, if so."""
    version, given = wanted.version(host), str(config.get(render.KUBELET_ARG, ""))
    if not rolling.wants_cgroup_v2(version) or render.ON_CGROUP_V1 in given:
        return []
    found = host.get_fact(ControlGroups)
    return [] if found == 2 else [rolling.without_cgroup_v2(host.name, version)]  # noqa: PLR2004


def _say_foreign(member: rolling.Member) -> None:
    mode, sentences = K3sSettings.of(host).foreign_files, rolling.foreign(member)
    refusals = sentences if mode == "refuse" else []
    possible(name="k3s reads only what runs have written", refusals=refusals)
    if mode == "warn":
        for sentence in sentences:
            tell(sentence)


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
        operations.forgotten(
            name="No other machine of this name", leader=wanted.leader(), api=wanted.api()
        )
    operations.containerd_readable(
        name="containerd's records",
        service=node.service,
        directory=render.containerd(node, K3sSettings.of(host)),
    )
    service.running(_before(turn), turn.settle if turn else None)


def _before(turn: Turn | None) -> Callable[[Host], None]:
    access, wish = registry.access(), wanted.service_wish(host)

    def begin(node: Host) -> None:
        unit = wanted.node(node).service
        runs = node.get_fact(services.Service, service=unit).started_from
        if access is not None and runs.get(render.REGISTRIES) != wish[render.REGISTRIES]:
            asking.let_in(node, access)
        if turn is not None:
            turn.begin(node)

    return begin


def change(replaced: Iterable[str] = ()) -> None:
    """Change this node in its turn, while all others work.

    A new server is started only: its files are there, and nothing runs on it that could suffer.

    Args:
        replaced: labels of pods that a drain may end though they have no controller.
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
        missing = operations.missing(leader, names, platform.api)
        if missing:
            raise WhisklabError(f"not Ready: {', '.join(missing)}")
        return f"{len(names)} nodes"

    checks.check(name="All nodes are Ready", what=READY, work=all_ready)
