"""Nodes and pods as the JSON of the Kubernetes API has them, judged by pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

CORDONED = "whisklab.dev/cordoned"  # annotation of a node that we cordoned
MIRROR = "kubernetes.io/config.mirror"  # annotation of a static pod's mirror
FINISHED = ("Succeeded", "Failed")

Object = Mapping[str, Any]
Workload = tuple[str, str]  # kind and uid of what controls a pod, or of the pod itself


def workload(pod: Object) -> Workload:
    """Return what a pod belongs to."""
    for owner in pod["metadata"].get("ownerReferences") or []:
        if owner.get("controller"):
            return owner["kind"], owner["uid"]
    return "Pod", pod["metadata"]["uid"]


def full_name(pod: Object) -> str:
    """Return `namespace/name`."""
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def is_ready(thing: Object) -> bool:
    """Tell whether a pod's or node's Ready condition is True."""
    ready = _ready(thing)
    return ready is not None and ready["status"] == "True"


def _ready(thing: Object) -> Object | None:
    conditions = (thing.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each["type"] == "Ready"), None)


def _phase(pod: Object) -> str:
    return str((pod.get("status") or {}).get("phase"))


def is_from_before(pod: Object, started: Mapping[str, float]) -> bool:
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


def ready_on(node: str, pods: Iterable[Object]) -> dict[Workload, int]:
    """Return what has a ready pod on a node, and how many it has in the cluster."""
    there = [pod for pod in pods if is_ready(pod)]
    total = Counter(workload(pod) for pod in there)
    return {workload(pod): total[workload(pod)] for pod in there if _node_of(pod) == node}


def _node_of(pod: Object) -> str | None:
    return (pod.get("spec") or {}).get("nodeName")


def missing(before: Mapping[Workload, int], pods: Iterable[Object]) -> list[str]:
    """Return the pods that are not ready of workloads that have fewer ready ones than before.

    Args:
        before: what `ready_on` said.
        pods: all pods now.

    Returns:
        `namespace/name` of each.
    """
    now = [pod for pod in pods if workload(pod) in before and _phase(pod) not in FINISHED]
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
    name, ready = node["metadata"]["name"], _ready(node)
    if ready is None or ready["status"] != "True":
        return f"{name} is not Ready"
    reported = ready.get("lastHeartbeatTime")
    if reported is None or datetime.fromisoformat(reported).timestamp() < since:
        return f"{name} has not reported since its restart"
    found = node["status"]["nodeInfo"]["kubeletVersion"]
    return None if found == version else f"{name} is still {found}"


def evictable(node: str, pods: Iterable[Object]) -> list[Object]:
    """Return the pods of a node that a drain moves: all but those that belong on each node."""
    return [
        pod
        for pod in pods
        if _node_of(pod) == node
        and _phase(pod) not in FINISHED
        and workload(pod)[0] != "DaemonSet"
        and MIRROR not in (pod["metadata"].get("annotations") or {})
    ]


def cannot_move(pods: Iterable[Object], replaced: Iterable[str] = ()) -> list[str]:
    """Return `namespace/name` of the pods that nobody would start again elsewhere.

    Args:
        pods: that are to move.
        replaced: labels of pods that have no controller and are started again all the same, by the
            program that uses them.
    """
    known = set(replaced)
    return sorted(
        full_name(pod)
        for pod in pods
        if workload(pod)[0] == "Pod" and not known & set(pod["metadata"].get("labels") or {})
    )
