"""Operations of `k3s` that need the running cluster."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterable, Mapping

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand, StringCommand
from pyinfra.api.host import Host
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_state

from deploys.k3s import facts, render, turns
from deploys.k3s.status import REMOVAL
from whisklab.engine.facts import asking
from whisklab.engine.kubernetes import kube, waiting
from whisklab.engine.kubernetes.client import NODES, PODS, Client
from whisklab.engine.kubernetes.workloads import Object, is_from_before, is_ready
from whisklab.engine.progress import tell
from whisklab.engine.reasons import because, unknown_until
from whisklab.engine.resources import services, units
from whisklab.engine.resources.placed import PlacedFile
from whisklab.engine.scripts import script
from whisklab.engine.ssh.remote import call, fail
from whisklab.errors import WhisklabError

_SAVE = """
k3s=$1 config=$2; test -f "$config" || config=$3
"$k3s" etcd-snapshot save --config "$config" --name "$4" &&
"$k3s" etcd-snapshot prune --config "$config" --name "$4" --snapshot-retention "$5"
"""
ASIDE = "containerd.broken-TIME"  # beside containerd's root
_SET_ASIDE = 'systemctl stop -- "$1" && mv -- "$2" "$2.broken-$(date +%Y%m%d-%H%M%S)"'
REPORTED_WITHIN = 60.0  # seconds; a kubelet needs a few


def not_ready(nodes: Iterable[Object], wanted: list[str]) -> list[str]:
    """Return those of `wanted` that are no node, or whose Ready condition is not True. Pure.

    Args:
        nodes: as the API has them.
        wanted: node names.
    """
    return sorted(set(wanted) - {node["metadata"]["name"] for node in nodes if is_ready(node)})


def missing(client: Client, wanted: list[str]) -> list[str]:
    """Return those of `wanted` that are not Ready, as the API says.

    Raises:
        Unreachable: it does not answer.
    """
    return not_ready(client.items(NODES), wanted)


def unreported(client: Client, started: Mapping[str, float]) -> list[str]:
    """Return the nodes of which the cluster shows pods as running that ran before a start.

    After a start the kubelet needs a moment to say that these pods have ended.

    Args:
        client: of the cluster.
        started: node to when its machine was started, in seconds since 1970 by its own clock.

    Raises:
        Unreachable: the API does not answer.
    """
    if not started:
        return []
    pods = client.items(PODS)
    return sorted({pod["spec"]["nodeName"] for pod in pods if is_from_before(pod, started)})


def _wait(
    who: Host,
    client: Client,
    names: list[str],
    within: float,
    started: Mapping[str, float] | None = None,
) -> None:
    began = time.monotonic()

    def problem() -> str | None:
        absent = missing(client, names)
        if absent:
            return f"not Ready: {', '.join(absent)}"
        # A clock that was set right after the start makes pods look older for as long as they run.
        late = time.monotonic() - began > REPORTED_WITHIN
        old = [] if late else unreported(client, started or {})
        return f"not reported since the start: {', '.join(old)}" if old else None

    waiting.wait(who, problem, within, "look at `journalctl -u 'k3s*'` there")


@operation()
def nodes_ready(
    names: list[str], api: kube.Endpoint, within: float, started: Mapping[str, float]
) -> Generator[FunctionCommand]:
    """Have all nodes of `names` Ready, with what runs on them known; yields nothing when it is so.

    While the API does not answer it is unknown, and counts as work to do.

    Args:
        names: node names.
        api: of this server.
        within: how long to wait, in seconds.
        started: of machines that were started a short time ago: node to when, see `unreported`.
    """
    try:
        client = Client(host, api)
        found = client.items(NODES)
        absent, old = not_ready(found, names), unreported(client, started)
    except kube.Unreachable as error:
        absent, old = names, []
        unknown_until(error.until)
    else:
        for name in absent:
            because(f"{name} is not Ready")
        for name in old:
            because(f"{name} has not reported its pods since it was started")
        if ctx_state.get().current_stage == StateStage.Prepare:
            for name in sorted({each["metadata"]["name"] for each in found} - set(names)):
                tell(f"{host.name}: {name} is in the cluster and not in the inventory: {REMOVAL}")
    if absent or old:

        def wait(server: Host) -> None:
            _wait(server, Client(server, api), names, within, started)

        yield call(wait)


@operation()
def uncordoned(api: kube.Endpoint) -> Generator[FunctionCommand]:
    """Have no node cordoned by us, as a drained node is whose turn failed or was killed.

    Args:
        api: of this server.
    """
    try:
        left = turns.cordoned(Client(host, api))
    except kube.Unreachable:
        return  # then it is unknown until the nodes are Ready, and said there
    for node in left:
        because(f"{node} was drained by us and is still cordoned")

        def end(server: Host, node: str = node) -> None:
            turns.uncordon(Client(server, api), node)

        yield call(end)


@operation()
def others_ready(names: list[str], turn: turns.Turn) -> Generator[FunctionCommand]:
    """Begin a turn only while the other nodes are Ready, and if it can be done; changes nothing.

    Args:
        names: of nodes that have had their turn, or need none; they are waited for.
        turn: of this node.
    """
    if names and ctx_state.get().is_executing:
        try:
            _wait(host, turn.client, names, turn.within)
            with asking.anew(host):
                turn.check()
        except WhisklabError as error:
            yield fail(f"{host.name} was not touched: {error}")


@operation()
def snapshot(service: str, wish: Mapping[str, str]) -> Generator[StringCommand]:
    """Save etcd before a running server is restarted; keeps the newest SNAPSHOTS of ours.

    With the configuration of the last good start, which the server runs on: that in its place may
    be what is to be mended. The program in its place may be, too; then there is none to save with.

    Args:
        service: the server's unit.
        wish: what it must have started from.
    """
    state = host.get_fact(units.Service, service=service)
    if state.active == "active" and services.Running(service, wish).why_started(state):
        runs = state.started_from.get(render.BINARY)  # None: the record is lost
        found = host.get_fact(PlacedFile, path=render.BINARY)
        if not found.executable or (runs and not found.is_of(runs)):
            tell(f"{host.name}: etcd is not saved, {render.BINARY} is not the program that runs")
            return
        because(f"{service} will be restarted")
        good = f"{services.LAST_GOOD}/{service}{render.CONFIG}"
        yield script(
            _SAVE, render.BINARY, good, render.CONFIG, render.SNAPSHOT, str(render.SNAPSHOTS)
        )


@operation()
def containerd_readable(service: str, directory: str) -> Generator[StringCommand]:
    """Have no records of containerd that it cannot read, as after a power cut; none is deleted.

    A node needs none of them: images are imported anew from the files beside, and pods are made by
    the kubelet. The service is stopped; who starts it comes afterwards.

    Args:
        service: the unit that runs containerd.
        directory: containerd's root.
    """
    why = host.get_fact(facts.BrokenRecords, service=service, directory=directory)
    if why:
        because(f"containerd cannot read its records ({why}); they are set aside, as {ASIDE}")
        yield script(_SET_ASIDE, service, directory)
