"""Operations of `k3s` that need the running cluster."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand, QuoteString, StringCommand
from pyinfra.api.host import Host

from deploys.k3s import render
from whisklab.engine import kube
from whisklab.engine.environment import current
from whisklab.engine.progress import tell
from whisklab.engine.reasons import because, unknown_until
from whisklab.engine.remote import call, run_quietly
from whisklab.engine.secrets import SecretStore
from whisklab.errors import WhisklabError

READY_WITHIN = 300.0  # seconds; a real k3s that must pull its images on a slow line needs minutes
TOLD_EVERY = 10.0
POLL = 1.0


def not_ready(nodes: Iterable[Any], wanted: list[str]) -> list[str]:
    """Return those of `wanted` that are no node, or whose Ready condition is not True. Pure.

    Args:
        nodes: `V1Node` objects.
        wanted: node names.
    """
    ready = {
        node.metadata.name
        for node in nodes
        for condition in node.status.conditions or []
        if condition.type == "Ready" and condition.status == "True"
    }
    return sorted(set(wanted) - ready)


def _missing(server: Host, wanted: list[str], api: kube.Endpoint) -> list[str]:
    found = kube.core_api(server, api).list_node(_request_timeout=kube.REQUEST_TIMEOUT)
    return not_ready(found.items, wanted)


@operation()
def nodes_ready(names: list[str], api: kube.Endpoint) -> Generator[FunctionCommand]:
    """Have all nodes of `names` Ready; waits for them, yields nothing when they are.

    While the API does not answer it is unknown, and counts as work to do.

    Args:
        names: node names.
        api: of this server.
    """
    try:
        missing = _missing(host, names, api)
    except kube.Unreachable:
        missing = names
        unknown_until("the API answers")
    else:
        for name in missing:
            because(f"{name} is not Ready")
    if missing:

        def wait(server: Host) -> None:
            _wait(server, names, api)

        yield call(wait)


def _wait(server: Host, names: list[str], api: kube.Endpoint) -> None:
    start = told = time.monotonic()
    while True:
        try:
            missing = _missing(server, names, api)
            why = f"not Ready: {', '.join(missing)}"
        except kube.Unreachable as error:
            missing, why = names, str(error)
        if not missing:
            return
        now = time.monotonic()
        if now - start > READY_WITHIN:
            raise WhisklabError(
                f"after {READY_WITHIN:.0f} s still {why}: look at `journalctl -u k3s` there"
            )
        if now - told > TOLD_EVERY:
            told = now
            tell(f"{server.name}: waiting, {why}")
        time.sleep(POLL)


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
