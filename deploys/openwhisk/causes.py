"""Why the container of an action did not start, by what Kubernetes says of its pods."""

from __future__ import annotations

import re
from collections.abc import Iterable

from deploys.openwhisk.hints import DISK, FULL, IMAGES, PLACES
from whisklab.engine.kubernetes.client import Client
from whisklab.engine.kubernetes.stuck import WIDEST, when
from whisklab.engine.kubernetes.workloads import Object

EVENTS = "/api/v1/namespaces/{}/events?fieldSelector=involvedObject.kind%3DPod,type%3DWarning"
QUOTAS = "/api/v1/namespaces/{}/resourcequotas"
UNSCHEDULABLE, AGAIN = "FailedScheduling", "BackOff"
ACTION = "wsk"  # with it begin the names of their pods (upstream: ContainerFactory.scala)


def of_pods(client: Client, namespace: str, action: str) -> str | None:
    """Return why pods of an action did not start, as half a sentence; None if that is not known.

    The invoker deletes such a pod within seconds; its events stay for an hour.

    Args:
        client: of the cluster.
        namespace: of OpenWhisk's pods.
        action: its name, which nothing else has.

    Raises:
        WhisklabError: the API does not answer.
    """
    events = client.items(EVENTS.format(namespace))
    found = last(events, action)
    if found is not None:
        return told(found)
    quotas = client.items(QUOTAS.format(namespace))
    return "; ".join(map(used, quotas)) or None


def of_actions(client: Client, namespace: str) -> list[str]:
    """Return a line on why no action could be started so far, none if that is not known.

    For who waits for the first action of all: at that moment there may be no pod of one.

    Raises:
        WhisklabError: the API does not answer.
    """
    events = client.items(EVENTS.format(namespace))
    ours = [each for each in events if each["involvedObject"]["name"].startswith(ACTION)]
    found = last(ours, "")
    return [f"no action has run yet: {told(found)}"] if found else []


def last(events: Iterable[Object], action: str) -> Object | None:
    """Return the last event of a pod of an action, one with a cause if there is one. Pure."""
    ours = [each for each in events if is_of(each["involvedObject"]["name"], action)]
    causes = [each for each in ours if each.get("reason") != AGAIN] or ours
    return max(causes, key=when, default=None)


def is_of(pod: str, action: str) -> bool:
    """Tell whether a pod is one of an action: its name ends with letters and digits of that. Pure.

    Source: ContainerProxy.containerName and KubernetesContainer.create of apache/openwhisk.
    """
    return _plain(pod).endswith(_plain(action))


def told(event: Object) -> str:
    """Return what an event says: pod, node, cause and what helps. Pure."""
    node = (event.get("source") or {}).get("host") or event.get("reportingInstance")
    reason, said = event.get("reason", "?"), " ".join(str(event.get("message")).split())
    on = f" on {node}" if node and reason != UNSCHEDULABLE else ""
    helps = PLACES if reason == UNSCHEDULABLE else _helps(said)
    sentence = (
        f"its pod {event['involvedObject']['name']}{on}: {reason}: {said[:WIDEST].rstrip('.')}"
    )
    return f"{sentence}: {helps}" if helps else sentence


def _helps(said: str) -> str:
    if re.search(FULL, said):
        return DISK
    return IMAGES if "image" in said.lower() else ""


def used(quota: Object) -> str:
    """Return how much of a ResourceQuota is used. Pure."""
    status = quota.get("status") or {}
    there = status.get("used") or {}
    parts = (
        f"{key} {there.get(key, '?')} of {hard}" for key, hard in (status.get("hard") or {}).items()
    )
    return f"no pod was made; ResourceQuota {quota['metadata']['name']}: {', '.join(parts)}"


def _plain(name: str) -> str:
    return "".join(each for each in name.lower() if each.isalnum())
