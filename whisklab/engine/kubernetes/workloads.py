"""Pods, what controls them, and their readiness, as the API's JSON has them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

MIRROR = "kubernetes.io/config.mirror"  # annotation of a static pod's mirror
FINISHED = ("Succeeded", "Failed")
WORKLOADS = ("Deployment", "StatefulSet", "DaemonSet")

Object = Mapping[str, Any]
Workload = tuple[str, str]  # kind and uid of what controls a pod, or of the pod itself


def controller(thing: Object) -> Object | None:
    """Return the reference to what controls an object, None when nothing does."""
    owners = thing["metadata"].get("ownerReferences") or []
    return next((each for each in owners if each.get("controller")), None)


def workload(pod: Object) -> Workload:
    """Return what a pod belongs to."""
    owner = controller(pod)
    return (owner["kind"], owner["uid"]) if owner else ("Pod", pod["metadata"]["uid"])


def full_name(pod: Object) -> str:
    """Return `namespace/name`."""
    return f"{pod['metadata']['namespace']}/{pod['metadata']['name']}"


def condition(thing: Object, kind: str) -> Object | None:
    """Return a condition of a pod or node, None when it has none of the kind."""
    conditions = (thing.get("status") or {}).get("conditions") or []
    return next((each for each in conditions if each["type"] == kind), None)


def is_ready(thing: Object) -> bool:
    """Tell whether a pod's or node's Ready condition is True."""
    ready = condition(thing, "Ready")
    return ready is not None and ready["status"] == "True"


def phase(thing: Object) -> str:
    """Return the phase of a pod or claim."""
    return str((thing.get("status") or {}).get("phase"))


def containers(pod: Object) -> list[Object]:
    """Return the states of a pod's containers, those that initialize it first."""
    status = pod.get("status") or {}
    return [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]


def is_from_before(pod: Object, started: Mapping[str, float]) -> bool:
    """Tell whether a container is said to run since before its machine was started.

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


def node_of(pod: Object) -> str | None:
    """Return the node that a pod was given to."""
    return (pod.get("spec") or {}).get("nodeName")


def evictable(node: str, pods: Iterable[Object]) -> list[Object]:
    """Return the pods of a node that a drain moves: all but those that belong on each node."""
    return [
        pod
        for pod in pods
        if node_of(pod) == node
        and phase(pod) not in FINISHED
        and workload(pod)[0] != "DaemonSet"
        and MIRROR not in (pod["metadata"].get("annotations") or {})
    ]


def replicas(found: Object) -> tuple[int, int]:
    """Return how many pods one of WORKLOADS wants, and how many are ready."""
    status, spec = found.get("status") or {}, found["spec"]
    if found.get("kind") == "DaemonSet":
        return status.get("desiredNumberScheduled") or 0, status.get("numberReady") or 0
    return spec.get("replicas", 1), status.get("readyReplicas") or 0


def is_noticed(found: Object) -> bool:
    """Tell whether the status of a workload is of what it is now, not from before a change."""
    seen: int = (found.get("status") or {}).get("observedGeneration", 0)
    return seen >= int(found["metadata"].get("generation", 0))


def unready(found: Object) -> str:
    """Return half a sentence on one of WORKLOADS that is not ready, "" when it is."""
    if not is_noticed(found):
        return "it has just been changed"
    wanted, ready = replicas(found)
    return f"{ready} of {wanted} are ready" if ready < wanted else ""
