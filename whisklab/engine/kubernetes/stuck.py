"""Why a pod does not start: by its own state, its last events, and what its containers said."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import Client
from whisklab.engine.kubernetes.objects import unspoken
from whisklab.engine.kubernetes.workloads import Object, condition, containers, is_ready, phase

EVENTS_TOLD, LINES_TOLD = 3, 5
LINES_READ = 200  # a program that ends says much after the cause: stack frames, what it closes
WIDEST = 300  # characters of an event or a log line
# What the kubelet says of a container that it cannot start; it tries again for ever.
REASONS = {
    "CreateContainerConfigError",
    "CreateContainerError",
    "ErrImageNeverPull",
    "ErrImagePull",
    "ImagePullBackOff",
    "InvalidImageName",
}
UNSCHEDULABLE = "no node will take it"
CRASHES = 4  # restarts of a container in CrashLoopBackOff; some do restart while they wait
# What lines with a cause have in common, and frames of a stack have not.
_CAUSE = re.compile(
    r"(?i)\b(fatal|panic|critical|caused by|emerg|error|denied|refused|no space left|killed|"
    r"out ?of ?memory|cannot|could not|failed)|\w(exception|error)\b"
)
_FRAME = re.compile(r"\s*(at |File \"|\.{3} \d+ more)")


def is_done(pod: Object) -> bool:
    """Tell whether a pod is ready, or has done its work. Pure."""
    return phase(pod) == "Succeeded" or is_ready(pod)


def state(pod: Object) -> str:
    """Return why a pod is not ready, in a few words. Pure."""
    for each in containers(pod):
        waiting = each["state"].get("waiting") or each["state"].get("terminated") or {}
        if waiting.get("reason") and waiting["reason"] != "Completed":
            return f"{waiting['reason']} (container {each['name']})"
    scheduled = condition(pod, "PodScheduled")
    if scheduled and scheduled["status"] != "True":
        return f"not scheduled: {scheduled.get('message', '')}"
    running = next((each["name"] for each in containers(pod) if not each["ready"]), None)
    return f"container {running} is not ready" if running else phase(pod)


def hopeless(pod: Object) -> str | None:
    """Return why a pod cannot start, None when waiting may help. Pure."""
    scheduled = condition(pod, "PodScheduled")
    if scheduled and scheduled.get("reason") == "Unschedulable":
        return f"{UNSCHEDULABLE}: {scheduled.get('message', '')}"
    for each in containers(pod):
        waiting = each["state"].get("waiting") or {}
        reason = waiting.get("reason")
        if reason in REASONS:
            return f"container {each['name']}: {reason}: {waiting.get('message', '')}".rstrip(": ")
        if reason == "CrashLoopBackOff" and each["restartCount"] >= CRASHES:
            return f"container {each['name']} has ended {each['restartCount']} times"
    return None


def pod_lines(client: Client, space: str, pod: Object) -> list[str]:
    """Return sentences on a pod that is not ready, with its last events and log lines.

    Args:
        client: of its cluster.
        space: the API's path of its namespace.
        pod: it.
    """
    name = pod["metadata"]["name"]
    uid = str(pod["metadata"].get("uid", ""))
    lines = [f"pod {name} is not ready: {state(pod)}", *event_lines(client, space, name, uid)]
    for each in containers(pod):
        if not each["ready"]:
            lines += _ended(each)
            lines += _log(client, f"{space}/pods/{name}/log", each)
    return lines


def event_lines(client: Client, space: str, name: str, uid: str = "") -> list[str]:
    """Return the last events of an object, by its name; with `uid` none of an earlier one of it."""
    selector = f"?fieldSelector=involvedObject.name%3D{name}"
    selector += f",involvedObject.uid%3D{uid}" if uid else ""
    found = sorted(client.items(f"{space}/events{selector}"), key=when)
    told = [f"event of {name}: {each.get('reason')}: {each.get('message')}" for each in found]
    return _last(told, EVENTS_TOLD)


def when(event: Object) -> str:
    """Return when an event was, the last time. Pure."""
    return str(event.get("lastTimestamp") or event.get("eventTime") or "")


def _ended(container: Object) -> list[str]:
    """Return how a container ended the last time, where that says more than its exit code."""
    last = (container.get("lastState") or {}).get("terminated") or {}
    reason = last.get("reason")
    if reason in {None, "Completed", "Error"}:
        return []
    return [f"container {container['name']} ended before: {reason}, code {last.get('exitCode')}"]


def _log(client: Client, path: str, container: Object) -> list[str]:
    name = container["name"]
    previous = "true" if "waiting" in container["state"] and container["restartCount"] else "false"
    query = f"?container={name}&tailLines={LINES_READ}&previous={previous}"
    try:
        text = client.text(path + query)
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
