"""Operations of `labels`, through the Kubernetes API."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand
from pyinfra.api.host import Host

from deploys.labels.render import NodeState, describe, patch
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import NODES, Client
from whisklab.engine.reasons import because, unknown_until
from whisklab.engine.ssh.remote import call
from whisklab.errors import WhisklabError

ATTEMPTS = 5


def _read(server: Host, node: str, api: kube.Endpoint) -> NodeState:
    found = Client(server, api).get(_path(node))
    if found is None:
        raise kube.Unreachable(f"{node} is not a node of the cluster yet")
    meta, taints = found["metadata"], found["spec"].get("taints") or []
    return NodeState(
        labels=meta.get("labels") or {},
        taints=tuple((each["key"], each.get("value", ""), each["effect"]) for each in taints),
        annotations=meta.get("annotations") or {},
        resource_version=meta["resourceVersion"],
    )


def _path(node: str) -> str:
    return f"{NODES}/{node}"


@operation()
def node(
    node: str, labels: Mapping[str, str], taints: list[str], api: kube.Endpoint
) -> Generator[FunctionCommand]:
    """Have these labels and taints on a node; yields nothing when they are there.

    Those that an earlier run had set and the data no longer name are removed; others stay.
    While the API does not answer it is unknown, and counts as work to do.

    Args:
        node: its name.
        labels: key to value.
        taints: `key=value:Effect`.
        api: of this server.
    """
    wanted: dict[str, Any] | None
    try:
        wanted = patch(_read(host, node, api), labels, taints)
        why = describe(wanted)
    except kube.Unreachable as error:
        unknown_until(error.until)
        wanted, why = {}, []
    for reason in why:
        because(reason)
    if wanted is None:
        host.noop(f"labels and taints of {node} are as wanted")
        return

    def apply(server: Host) -> None:
        _apply(server, node, labels, taints, api)

    yield call(apply)


def _apply(
    server: Host,
    node: str,
    labels: Mapping[str, str],
    taints: list[str],
    api: kube.Endpoint,
) -> None:
    for _ in range(ATTEMPTS):
        body = patch(_read(server, node, api), labels, taints)
        if body is None:
            return
        try:
            Client(server, api).merge(_path(node), body)
        except kube.Refused as error:
            if error.status != kube.CONFLICT:
                raise WhisklabError(f"the API refused labels of {node}: {error}") from error
        else:
            return
    raise WhisklabError(f"node {node} changed {ATTEMPTS} times while it was being labelled")
