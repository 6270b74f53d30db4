"""What keeps a release from becoming ready: its pods, with their last events and log lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from whisklab.engine import kube
from whisklab.engine.helm.records import Cluster
from whisklab.engine.helm.release import Release
from whisklab.engine.helm.values import unspoken
from whisklab.engine.objects import CLAIM, Id, objects

PODS_TOLD, EVENTS_TOLD, LINES_TOLD = 3, 3, 5
LINES_READ = 200  # a program that ends says much after the cause: stack frames, what it closes
WIDEST = 300  # characters of an event or a log line

Object = Mapping[str, Any]
# What lines with a cause have in common, and frames of a stack have not.
_CAUSE = re.compile(
    r"(?i)\b(fatal|panic|critical|caused by|emerg|error|denied|refused|no space left|killed|"
    r"out ?of ?memory|cannot|could not|failed)|\w(exception|error)\b"
)
_FRAME = re.compile(r"\s*(at |File \"|\.{3} \d+ more)")


def blocking(cluster: Cluster, release: Release) -> list[str]:
    """Return sentences on what is not ready, the pods first; none when all is.

    Raises:
        WhisklabError: the API does not answer.
    """
    latest = cluster.latest(release)
    if latest is None:
        return []
    names = {*objects(latest.manifest), *(Id(kind, "", name) for kind, name in latest.hooks)}
    owners = {(each.kind, each.name) for each in names}
    space = f"/api/v1/namespaces/{release.namespace}"
    sets = cluster.call("GET", f"/apis/apps/v1/namespaces/{release.namespace}/replicasets")["items"]
    for each in sets:
        if _owner(each) in owners:
            owners.add(("ReplicaSet", each["metadata"]["name"]))
    pods = cluster.call("GET", f"{space}/pods")["items"]
    ours = [p for p in pods if _owner(p) in owners or ("Pod", p["metadata"]["name"]) in owners]
    waiting = [each for each in ours if not ready(each)]
    lines = []
    for pod in waiting[:PODS_TOLD]:
        lines += pod_lines(cluster, space, pod)
    claims = cluster.call("GET", f"{space}/persistentvolumeclaims")["items"]
    for claim in claims:
        name = claim["metadata"]["name"]
        if claim["status"].get("phase") != "Bound" and (CLAIM, name) in owners:
            lines.append(f"claim {name} is {claim['status'].get('phase')}")
            lines += event_lines(cluster, space, name)
    return lines


def ready(pod: Object) -> bool:
    """Tell whether a pod is ready, or has done its work. Pure."""
    status = pod.get("status") or {}
    conditions = {each["type"]: each["status"] for each in status.get("conditions") or []}
    return status.get("phase") == "Succeeded" or conditions.get("Ready") == "True"


def state(pod: Object) -> str:
    """Return why a pod is not ready, in a few words. Pure."""
    status = pod.get("status") or {}
    containers = [*(status.get("initContainerStatuses") or []),
                  *(status.get("containerStatuses") or [])]  # fmt: skip
    for each in containers:
        waiting = each["state"].get("waiting") or each["state"].get("terminated") or {}
        if waiting.get("reason") and waiting["reason"] != "Completed":
            return f"{waiting['reason']} (container {each['name']})"
    for each in status.get("conditions") or []:
        if each["type"] == "PodScheduled" and each["status"] != "True":
            return f"not scheduled: {each.get('message', '')}"
    running = next((each["name"] for each in containers if not each["ready"]), None)
    return f"container {running} is not ready" if running else str(status.get("phase"))


def _owner(found: Object) -> tuple[str, str]:
    for each in found["metadata"].get("ownerReferences") or []:
        if each.get("controller"):
            return each["kind"], each["name"]
    return "", ""


def pod_lines(cluster: Cluster, space: str, pod: Object) -> list[str]:
    """Return sentences on a pod that is not ready, with its last events and log lines.

    Args:
        cluster: it is in.
        space: the API's path of its namespace.
        pod: it.
    """
    name = pod["metadata"]["name"]
    uid = str(pod["metadata"].get("uid", ""))
    lines = [f"pod {name} is not ready: {state(pod)}", *event_lines(cluster, space, name, uid)]
    status = pod.get("status") or {}
    for each in [*(status.get("initContainerStatuses") or []),
                 *(status.get("containerStatuses") or [])]:  # fmt: skip
        if not each["ready"]:
            lines += _ended(each)
            lines += _log(cluster, f"{space}/pods/{name}/log", each)
    return lines


def event_lines(cluster: Cluster, space: str, name: str, uid: str = "") -> list[str]:
    """Return the last events of an object, by its name; with `uid` none of an earlier one of it."""
    selector = f"?fieldSelector=involvedObject.name%3D{name}"
    selector += f",involvedObject.uid%3D{uid}" if uid else ""
    found = cluster.call("GET", f"{space}/events{selector}")["items"]
    found.sort(key=lambda each: each.get("lastTimestamp") or each.get("eventTime") or "")
    told = [f"event of {name}: {each.get('reason')}: {each.get('message')}" for each in found]
    return _last(told, EVENTS_TOLD)


def _ended(container: Object) -> list[str]:
    """Return how a container ended the last time, where that says more than its exit code."""
    last = (container.get("lastState") or {}).get("terminated") or {}
    reason = last.get("reason")
    if reason in {None, "Completed", "Error"}:
        return []
    return [f"container {container['name']} ended before: {reason}, code {last.get('exitCode')}"]


def _log(cluster: Cluster, path: str, container: Object) -> list[str]:
    name = container["name"]
    previous = "true" if "waiting" in container["state"] and container["restartCount"] else "false"
    query = f"?container={name}&tailLines={LINES_READ}&previous={previous}"
    try:
        text = cluster.call("GET", path + query, accept="*/*")
    except (kube.Refused, kube.Unreachable):
        return []  # it has not run yet, so it has said nothing; or its node is away
    said = [line for line in text.splitlines() if line]
    return _last((f"log of {name}: {line}" for line in telling(said)), LINES_TOLD)


def telling(lines: Sequence[str]) -> list[str]:
    """Return the lines of a log that are told: the last ones that sound like a cause, and the end.

    The last lines as they are when none does. Pure.
    """
    last = lines[-LINES_TOLD:]
    causes = [n for n, line in enumerate(lines) if _CAUSE.search(line) and not _FRAME.match(line)]
    if not causes:
        return list(last)
    first = [n for n in causes if n < len(lines) - 1][-(LINES_TOLD - 1) :]
    return [*(lines[n] for n in first), *last[-1:]]


def _last(lines: Iterable[str], count: int) -> list[str]:
    distinct = list(dict.fromkeys(unspoken(" ".join(line.split()))[:WIDEST] for line in lines))
    return distinct[-count:]
