"""What a node's turn asks of nodes and of the pods on them. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from datetime import datetime

from whisklab.engine.kubernetes.workloads import (
    FINISHED,
    Object,
    Workload,
    condition,
    evictable,
    full_name,
    is_ready,
    node_of,
    phase,
    workload,
)

CORDONED = "whisklab.dev/cordoned"  # annotation of a node that we cordoned

Replaced = Callable[[Object], bool]


def ready_on(node: str, pods: Iterable[Object]) -> dict[Workload, int]:
    """Return what has a ready pod on a node, and how many it has in the cluster."""
    there = [pod for pod in pods if is_ready(pod)]
    total = Counter(workload(pod) for pod in there)
    return {workload(pod): total[workload(pod)] for pod in there if node_of(pod) == node}


def missing(before: Mapping[Workload, int], pods: Iterable[Object]) -> list[str]:
    """Return the pods that are not ready of workloads that have fewer ready ones than before.

    Args:
        before: what `ready_on` said.
        pods: all pods now.

    Returns:
        `namespace/name` of each.
    """
    now = [pod for pod in pods if workload(pod) in before and phase(pod) not in FINISHED]
    ready = Counter(workload(pod) for pod in now if is_ready(pod))
    return sorted(
        full_name(pod)
        for pod in now
        if not is_ready(pod)
        and "deletionTimestamp" not in pod["metadata"]
        and ready[workload(pod)] < before[workload(pod)]
    )


def unsettled(node: Object, since: float, version: str) -> str | None:
    """Return why a node has not come back from a restart, None when it has.

    Its Ready condition from before the restart stays until the kubelet reports for the first time.

    Args:
        node: as the API has it.
        since: when its k3s was started, by its own clock, in seconds since 1970.
        version: what its kubelet must report.
    """
    name, ready = node["metadata"]["name"], condition(node, "Ready")
    if ready is None or ready["status"] != "True":
        return f"{name} is not Ready"
    reported = ready.get("lastHeartbeatTime")
    if reported is None or datetime.fromisoformat(reported).timestamp() < since:
        return f"{name} has not reported since its restart"
    found = node["status"]["nodeInfo"]["kubeletVersion"]
    return None if found == version else f"{name} is still {found}"


def nobody(_pod: Object) -> bool:
    """Tell that a pod without a controller is started again by nobody, which is the rule."""
    return False


def immovable(node: str, pods: Iterable[Object], replaced: Replaced = nobody) -> str | None:
    """Return why a node cannot be drained, None when it can.

    Args:
        node: its name.
        pods: all of the cluster.
        replaced: tells of a pod without a controller whether it is started again all the same.
    """
    alone = sorted(
        full_name(pod)
        for pod in evictable(node, pods)
        if workload(pod)[0] == "Pod" and not replaced(pod)
    )
    if not alone:
        return None
    return (
        f"{node} cannot be drained, nobody would start {', '.join(alone)} again: "
        "delete them, or set k3s_drain = False"
    )
