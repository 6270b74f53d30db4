"""What is judged of k3s before any host is changed."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from pyinfra import host

from deploys.k3s import etcd, installed, lasting, render, rolling, token, wanted
from deploys.k3s.facts import ControlGroups, FixedSettings, Mentions
from deploys.k3s.nodes import Replaced, immovable, nobody
from deploys.k3s.settings import K3S, K3sSettings
from whisklab.engine import documents
from whisklab.engine.data.machine import Machine
from whisklab.engine.facts.everywhere import once
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import NODES, PODS, Client
from whisklab.engine.progress import tell
from whisklab.engine.resources import pushing, room, services
from whisklab.engine.resources.possible import possible
from whisklab.engine.run.capability import capability
from whisklab.engine.tls import expiry
from whisklab.errors import BadInput


def check() -> None:
    """Check what concerns several hosts at once.

    Raises:
        BadInput: two servers disagree on the cluster, an agent is newer than the servers, or pods'
            packets of a node would leave it over a card that leads nowhere.
    """
    once("settings of k3s", _require_agreement)


def _require_agreement() -> None:
    first, *others = wanted.servers()
    for other in others:
        if K3sSettings.of(other) != K3sSettings.of(first):
            raise BadInput(
                f"{first.name} and {other.name} have different k3s_ settings: all servers of a "
                "cluster must agree, put them into group_data/masters.py"
            )
    for each in wanted.nodes():
        if K3sSettings.of(each).dummy_route and Machine.of(each).node_interface is None:
            raise BadInput(
                f"{each.name}: k3s_dummy_route gives it a default route that leads nowhere, and "
                "k3s sends pods' packets that way unless it knows another: say node_interface in "
                "the inventory, the network card that has its node_address"
            )
        if rolling.newer(wanted.version(each), wanted.version(first)):
            raise BadInput(
                f"{each.name} is to have k3s {wanted.version(each)}, newer than "
                f"{wanted.version(first)} of the servers, which Kubernetes does not support: "
                "raise k3s_version of the servers too"
            )


@capability(K3S, "fetch")
def fetch(replaced: Replaced = nobody) -> None:
    """Have a change that is possible, and everything on the laptop, before any host is changed.

    Args:
        replaced: tells which pods a drain may end though they have no controller.
    """
    if host.name == wanted.leader().name:
        wrong = token.refusal(wanted.servers())
        possible(name="The cluster keeps its token", refusals=[wrong] if wrong else [])
        possible(name="Nodes can be drained", refusals=_undrainable(replaced))
        _say_end()
    member = wanted.members().get(host.name)
    if member is not None:
        _say_foreign(member)
        expiry.note(host.name, member.certificates)
    if member is None or not member.pending:
        return
    available = wanted.catalogue(host).versions(K3S)
    refusal = rolling.refusal(member, wanted.version(host), available)
    node = wanted.node(host)
    after = documents.read(render.config(node, K3sSettings.of(host)))
    refusals = [*([refusal] if refusal else []), *_without_cgroup_v2(after), *_flags(after),
                *_next_etcd(member), *_templates(member), *_lasting(member, after)]  # fmt: skip
    possible(name="k3s can be changed", refusals=refusals)
    files = wanted.artifacts(host)
    room.room(
        name="Room for k3s",
        files=[(each.artifact, each.path) for each in files],
        keep=[each.path for each in files if each.keep],
    )
    for each in host.loop(files):
        pushing.fetched(
            name=f"{each.name} in the cache",
            artifact=each.artifact,
            path=each.path,
            keep=each.keep,
        )


def _templates(member: rolling.Member) -> list[str]:
    accepted = K3sSettings.of(host).foreign_files == "accept"
    return [] if accepted else rolling.with_templates(member, wanted.version(host))


def _lasting(member: rolling.Member, after: Mapping[str, object]) -> list[str]:
    """Return why this node cannot have what it is to have, and tell what it will have no more."""
    node = wanted.node(host)
    before: Mapping[str, object] = host.get_fact(
        FixedSettings,
        path=f"{services.LAST_GOOD}/{node.service}{render.CONFIG}",
        keys=[key for key in lasting.FIXED if key not in render.SECRET_KEYS],
        secret=[key for key in lasting.FIXED if key in render.SECRET_KEYS],
    )
    found = host.get_fact(installed.ForeignK3s, unit=node.unit_path, config=render.CONFIG)
    if found is None or (member.anew and not member.known):
        return lasting.fixed(host.name, before, after, is_server=member.is_server)
    if sentence := installed.lost(host.name, found, after, node.environment):
        tell(sentence)
    moves = "cluster-init" in after and host.get_fact(
        installed.InSqlite, directory=f"{token.data(host)}/server"
    )
    if moves:
        tell(installed.to_etcd(host.name))
    name = next(iter(installed.node_names(member.certificates)), None)
    before = {**before, **installed.settings(found, name)}
    places = {key: each.place for key, each in found.given.items()}
    refusals = lasting.fixed(host.name, before, after, places, is_server=member.is_server)
    return [*installed.elsewhere(host.name, found), *refusals]


def _undrainable(replaced: Replaced) -> list[str]:
    """Return why nodes whose turn will come cannot be drained: the first ones have changed then."""
    names = rolling.turns(wanted.members().values())
    drained = [
        each.name for each in wanted.nodes() if each.name in names and K3sSettings.of(each).drain
    ]
    if not drained:
        return []
    try:
        pods = Client(wanted.leader(), wanted.api()).items(PODS)
    except kube.Unreachable:
        return []  # then nothing is moved
    each = (immovable(name, pods, replaced) for name in drained)
    return [why for why in each if why]


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


def _flags(config: Mapping[str, object]) -> list[str]:
    """Return why the wanted kubelet would not start with flags that it has no more."""
    version = wanted.version(host)
    words = rolling.removed_flags(version)
    patterns = render.beside(wanted.node(host), K3sSettings.of(host))
    places = host.get_fact(Mentions, patterns=patterns, words=words) if words else {}
    return rolling.with_removed_flags(host.name, version, config, places)


def _next_etcd(member: rolling.Member) -> list[str]:
    """Return why this server's etcd cannot become the next minor of it."""
    if not member.is_server or not etcd.brings_next(member.version, wanted.version(host)):
        return []
    found = host.get_fact(etcd.EtcdState, directory=f"{token.data(host)}/server")
    try:
        nodes = Client(wanted.leader(), wanted.api()).items(NODES)
    except kube.Unreachable:
        nodes = []
    return etcd.refusals(host.name, found, nodes)


def _say_foreign(member: rolling.Member) -> None:
    mode, sentences = K3sSettings.of(host).foreign_files, rolling.foreign(member)
    refusals = sentences if mode == "refuse" else []
    possible(name="k3s reads only what runs have written", refusals=refusals)
    if mode == "warn":
        for sentence in sentences:
            tell(sentence)
