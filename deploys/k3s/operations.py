"""Operations of `k3s` that need the running cluster."""

from __future__ import annotations

import os
import secrets
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

from pyinfra import host, logger
from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand, QuoteString, StringCommand
from pyinfra.api.host import Host
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_state

from deploys.k3s import render, turns
from deploys.k3s.workloads import is_ready
from whisklab.engine import kube, services
from whisklab.engine.environment import current
from whisklab.engine.reasons import because, unknown_until
from whisklab.engine.remote import call, fail, run_quietly
from whisklab.engine.secrets import SecretStore
from whisklab.errors import WhisklabError


def not_ready(nodes: Iterable[Any], wanted: list[str]) -> list[str]:
    """Return those of `wanted` that are no node, or whose Ready condition is not True. Pure.

    Args:
        nodes: `V1Node` objects.
        wanted: node names.
    """
    return sorted(set(wanted) - {node.metadata.name for node in nodes if is_ready(node)})


def missing(server: Host, wanted: list[str], api: kube.Endpoint) -> list[str]:
    """Return those of `wanted` that are not Ready, as the API of `server` says.

    Raises:
        Unreachable: it does not answer.
    """
    found = kube.ask(
        server, api, lambda core: core.list_node(_request_timeout=kube.REQUEST_TIMEOUT)
    )
    return not_ready(found.items, wanted)


def _wait(who: Host, leader: Host, names: list[str], api: kube.Endpoint, within: float) -> None:
    def problem() -> str | None:
        absent = missing(leader, names, api)
        return f"not Ready: {', '.join(absent)}" if absent else None

    turns.wait(who, problem, within, "look at `journalctl -u 'k3s*'` there")


@operation()
def nodes_ready(names: list[str], api: kube.Endpoint, within: float) -> Generator[FunctionCommand]:
    """Have all nodes of `names` Ready; waits for them, yields nothing when they are.

    While the API does not answer it is unknown, and counts as work to do.

    Args:
        names: node names.
        api: of this server.
        within: how long to wait, in seconds.
    """
    try:
        absent = missing(host, names, api)
    except kube.Unreachable:
        absent = names
        unknown_until("the API answers")
    else:
        for name in absent:
            because(f"{name} is not Ready")
    if absent:

        def wait(server: Host) -> None:
            _wait(server, server, names, api, within)

        yield call(wait)


@operation()
def uncordoned(api: kube.Endpoint) -> Generator[FunctionCommand]:
    """Have no node cordoned by us, as a drained node is whose turn failed or was killed.

    Args:
        api: of this server.
    """
    try:
        left = turns.cordoned(host, api)
    except kube.Unreachable:
        return  # then it is unknown until the nodes are Ready, and said there
    for node in left:
        because(f"{node} was drained by us and is still cordoned")

        def end(server: Host, node: str = node) -> None:
            turns.uncordon(server, api, node)

        yield call(end)


@operation()
def possible(refusals: list[str]) -> Generator[FunctionCommand]:
    """Have a change that k3s allows; fails the host with the sentences otherwise, plans too."""
    if not refusals:
        return
    for sentence in refusals:
        because(sentence)
        if ctx_state.get().current_stage == StateStage.Prepare:
            logger.error("%s%s", host.print_prefix, sentence)
    yield fail(*refusals)


@operation()
def others_ready(
    names: list[str], leader: Host, api: kube.Endpoint, within: float
) -> Generator[FunctionCommand]:
    """Begin a turn only while the other nodes are Ready; waits for them, changes nothing.

    Args:
        names: of nodes that have had their turn, or need none.
        leader: the server whose API is asked.
        api: of that server.
        within: how long to wait, in seconds.
    """
    if names and ctx_state.get().is_executing:
        try:
            _wait(host, leader, names, api, within)
        except WhisklabError as error:
            yield fail(f"{host.name} was not touched: {error}")


@operation()
def snapshot(service: str, wish: Mapping[str, str]) -> Generator[StringCommand]:
    """Save etcd before a running server is restarted; keeps the newest SNAPSHOTS of ours.

    Args:
        service: the server's unit.
        wish: what it must have started from.
    """
    state = host.get_fact(services.Service, service=service)
    if state.active == "active" and services.why_restart(state, wish):
        because(f"{service} will be restarted")
        yield StringCommand(
            QuoteString(render.BINARY), "etcd-snapshot", "save", "--name", render.SNAPSHOT
        )
        yield StringCommand(
            QuoteString(render.BINARY), "etcd-snapshot", "prune", "--name", render.SNAPSHOT,
            "--snapshot-retention", str(render.SNAPSHOTS),
        )  # fmt: skip


@operation()
def kubeconfig_saved(server: str, *, merge: bool) -> Generator[FunctionCommand]:
    """Have the laptop's kubeconfig in the secrets store; yields nothing when it is there.

    Args:
        server: `host:port` of the API as the laptop reaches it.
        merge: also have it in the user's own kubeconfig.
    """
    environment = current()
    store = SecretStore(environment.secrets)
    try:
        text = run_quietly(host, StringCommand("cat", QuoteString(render.KUBECONFIG)))
        wanted = render.kubeconfig(text, server, environment.name)
    except WhisklabError:
        wanted = None
        unknown_until("the server runs")

    def save(leader: Host) -> None:
        text = run_quietly(leader, StringCommand("cat", QuoteString(render.KUBECONFIG)))
        ours = render.kubeconfig(text, server, environment.name)
        store.write("kubeconfig", ours)
        if merge:
            _write_own(_own_kubeconfig(), _merged(ours))

    saved = wanted is not None and store.read("kubeconfig") == wanted.strip()
    if not saved or (merge and wanted and _merged(wanted) != _read(_own_kubeconfig())):
        if wanted is not None:
            because("it is missing, or another cluster's")
        yield call(save)


def _own_kubeconfig() -> Path:
    first = os.environ.get("KUBECONFIG", "").split(os.pathsep)[0]
    return Path(first) if first else Path.home() / ".kube" / "config"


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""


def _merged(ours: str) -> str:
    return render.merged_kubeconfig(_read(_own_kubeconfig()), ours)


def _write_own(path: Path, text: str) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    part.replace(path)
