"""Nodes and pods as the Kubernetes API shows them, judged by pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

CORDONED = "whisklab.dev/cordoned"  # annotation of a node that we cordoned
MIRROR = "kubernetes.io/config.mirror"  # annotation of a static pod's mirror
FINISHED = ("Succeeded", "Failed")

Workload = tuple[str, str]  # kind and uid of what controls a pod, or of the pod itself


def workload(pod: Any) -> Workload:  # noqa: ANN401  a V1Pod
    """Return what a pod belongs to."""
    for owner in pod.metadata.owner_references or []:
        if owner.controller:
            return owner.kind, owner.uid
    return "Pod", pod.metadata.uid


def is_ready(thing: Any) -> bool:  # noqa: ANN401  a V1Pod or V1Node
    """Tell whether a pod's or node's Ready condition is True."""
    conditions = thing.status.conditions or []
    return any(each.type == "Ready" and each.status == "True" for each in conditions)


def is_from_before(pod: Mapping[str, Any], started: Mapping[str, float]) -> bool:
    """Tell whether a container is said to run since before its machine was started. Pure.

    Args:
        pod: as the API's JSON has it.
        started: node to when its machine was started, in seconds since 1970.
    """
    node = pod["spec"].get("nodeName")
    for each in (pod.get("status") or {}).get("containerStatuses") or []:
        running = (each.get("state") or {}).get("running")
        if running and node in started:
            # Whole seconds, of the same machine's clock.
            since = datetime.fromisoformat(running["startedAt"]).timestamp()
            if since + 1 < started[node]:
                return True
    return False


def ready_on(node: str, pods: Iterable[Any]) -> dict[Workload, int]:
    """Return what has a ready pod on a node, and how many it has in the cluster."""
    there = [pod for pod in pods if is_ready(pod)]
    total = Counter(workload(pod) for pod in there)
    return {workload(pod): total[workload(pod)] for pod in there if pod.spec.node_name == node}


def missing(before: Mapping[Workload, int], pods: Iterable[Any]) -> list[str]:
    """Return the pods that are not ready of workloads that have fewer ready ones than before.

    Args:
        before: what `ready_on` said.
        pods: all pods now.

    Returns:
        `namespace/name` of each.
    """
    now = [pod for pod in pods if workload(pod) in before and pod.status.phase not in FINISHED]
    ready = Counter(workload(pod) for pod in now if is_ready(pod))
    return sorted(
        f"{pod.metadata.namespace}/{pod.metadata.name}"
        for pod in now
        if not is_ready(pod)
        and pod.metadata.deletion_timestamp is None
        and ready[workload(pod)] < before[workload(pod)]
    )


def unsettled(node: Any, since: float, version: str) -> str | None:  # noqa: ANN401  a V1Node
    """Return why a node has not come back from a restart, None when it has.

    Its Ready condition from before the restart stays until the kubelet reports for the first time.

    Args:
        node: the V1Node.
        since: when its k3s was started, by its own clock, in seconds since 1970.
        version: what its kubelet must report.
    """
    ready = next((c for c in node.status.conditions or [] if c.type == "Ready"), None)
    if ready is None or ready.status != "True":
        return f"{node.metadata.name} is not Ready"
    if ready.last_heartbeat_time is None or ready.last_heartbeat_time.timestamp() < since:
        return f"{node.metadata.name} has not reported since its restart"
    found = node.status.node_info.kubelet_version
    return None if found == version else f"{node.metadata.name} is still {found}"


def evictable(node: str, pods: Iterable[Any]) -> list[Any]:
    """Return the pods of a node that a drain moves: all but those that belong on each node."""
    return [
        pod
        for pod in pods
        if pod.spec.node_name == node
        and pod.status.phase not in FINISHED
        and workload(pod)[0] != "DaemonSet"
        and MIRROR not in (pod.metadata.annotations or {})
    ]


def cannot_move(pods: Iterable[Any]) -> list[str]:
    """Return `namespace/name` of the pods that nobody would start again elsewhere."""
    return sorted(
        f"{pod.metadata.namespace}/{pod.metadata.name}" for pod in pods if workload(pod)[0] == "Pod"
    )
