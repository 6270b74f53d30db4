"""Operations of `labels`, through the Kubernetes API."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from functools import partial
from typing import Any

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand
from pyinfra.api.host import Host

from deploys.labels.render import NodeState, describe, patch
from whisklab.engine import kube
from whisklab.engine.reasons import because, unknown_until
from whisklab.engine.remote import call
from whisklab.errors import WhisklabError

CONFLICT, NOT_FOUND = 409, 404  # HTTP
ATTEMPTS = 5


def _read(server: Host, node: str, api: kube.Endpoint) -> NodeState:
    from kubernetes.client import ApiException  # noqa: PLC0415  half a second to import

    try:
        found = kube.ask(
            server,
            api,
            lambda core: core.read_node(node, _request_timeout=kube.REQUEST_TIMEOUT),
        )
    except ApiException as error:
        if error.status == NOT_FOUND:
            raise kube.Unreachable(f"{node} is not a node of the cluster yet") from error
        raise WhisklabError(f"the API does not show node {node}: {error.reason}") from error
    return NodeState(
        labels=found.metadata.labels or {},
        taints=tuple((t.key, t.value or "", t.effect) for t in found.spec.taints or []),
        annotations=found.metadata.annotations or {},
        resource_version=found.metadata.resource_version,
    )


def _patch_node(node: str, body: Mapping[str, Any], core: Any) -> None:  # noqa: ANN401
    core.patch_node(
        node, body, _content_type="application/merge-patch+json",
        _request_timeout=kube.REQUEST_TIMEOUT)  # fmt: skip


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
    except kube.Unreachable:
        unknown_until("the API answers")
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
    from kubernetes.client import ApiException  # noqa: PLC0415

    for _ in range(ATTEMPTS):
        body = patch(_read(server, node, api), labels, taints)
        if body is None:
            return
        try:
            kube.ask(server, api, partial(_patch_node, node, body))
        except ApiException as error:
            if error.status != CONFLICT:
                raise WhisklabError(f"the API refused labels of {node}: {error.body}") from error
        else:
            return
    raise WhisklabError(f"node {node} changed {ATTEMPTS} times while it was being labelled")
