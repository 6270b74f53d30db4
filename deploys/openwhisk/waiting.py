"""Waiting that explains itself: which stage is reached, and what keeps the next one."""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from typing import Any

from deploys.openwhisk import causes, invokers, stages
from deploys.openwhisk.hints import hints
from deploys.openwhisk.hopeless import Patience, hopeless
from deploys.openwhisk.settings import OpenWhiskSettings
from deploys.openwhisk.stages import CLAIM, DEPLOYMENT, JOB, STATEFUL, Progress, Seen
from whisklab.engine.helm import blocked
from whisklab.engine.helm.records import Cluster
from whisklab.engine.progress import tell
from whisklab.errors import WhisklabError

LISTS = {
    STATEFUL: "/apis/apps/v1/namespaces/{}/statefulsets",
    DEPLOYMENT: "/apis/apps/v1/namespaces/{}/deployments",
    JOB: "/apis/batch/v1/namespaces/{}/jobs",
    CLAIM: "/api/v1/namespaces/{}/persistentvolumeclaims",
}
ACTION_PODS = "user-action-pod"  # the label of the pods that run actions
PACKAGES = "install-packages"
# What the Job controller writes into a Job; a new one must not have it.
OF_THE_CONTROLLER = ("controller-uid", "job-name")
POLL, TOLD_EVERY, PODS_TOLD = 1.0, 10.0, 2
# Looks, one a second, for which all must stay well: a controller has yet to hear of a new invoker,
# and one whose invoker has ended sends calls to it until it was silent for 10 s
# (InvokerSupervision.scala, healthyTimeout).
STEADY, FORGOTTEN = 5, 12


def look(cluster: Cluster, settings: OpenWhiskSettings) -> list[Progress]:
    """Return how far each stage is, from four small requests.

    Raises:
        WhisklabError: the API does not answer.
    """
    return stages.progress(
        stages.stages(settings), settings.release, _seen(cluster, settings.namespace)
    )


def _seen(cluster: Cluster, namespace: str) -> Seen:
    def listed(path: str) -> dict[str, Any]:
        items = cluster.call("GET", path.format(namespace))["items"]
        return {each["metadata"]["name"]: each for each in items}

    return Seen({kind: listed(path) for kind, path in LISTS.items()})


def wait(cluster: Cluster, settings: OpenWhiskSettings) -> None:
    """Wait until all stages stay reached; Jobs that have failed are made anew first.

    Args:
        cluster: it is in.
        settings: of the leader.

    Raises:
        WhisklabError: the time is over, or a pod cannot start; says what blocks.
    """
    wanted, namespace = stages.stages(settings), settings.namespace
    _again(cluster, settings, wanted)
    start = told = time.monotonic()
    patience, well, enough = Patience(), 0, STEADY
    while True:
        found = _found(cluster, settings, wanted)
        at = stages.blocking(found)
        well = well + 1 if at is None else 0
        if any(each.why.endswith(stages.ENDING) for each in found):
            enough = FORGOTTEN
        if well >= enough:
            return
        if at is None:
            time.sleep(POLL)
            continue
        now = time.monotonic()
        pods = cluster.call("GET", f"/api/v1/namespaces/{namespace}/pods")["items"]
        lost = patience.lost(concerned(pods, settings.release, found), now)
        failed = stages.failed_jobs(found, settings.release)
        if lost or failed or now - start > settings.timeout:
            over = f"after {now - start:.0f} s " if not (lost or failed) else ""
            stage = first_of(lost, pods, settings.release, found) or first_failed(found) or at
            raise WhisklabError("\n".join(_explained(cluster, settings, stage, pods, over)))
        if now - told > TOLD_EVERY:
            told = now
            tell(f"{cluster.server.name}: OpenWhisk, {now - start:.0f} s: {stages.told(found)}")
        time.sleep(POLL)


def _found(
    cluster: Cluster, settings: OpenWhiskSettings, wanted: Sequence[stages.Stage]
) -> list[Progress]:
    """How far the stages are; when all are, the controllers' word on their invokers counts."""
    seen = _seen(cluster, settings.namespace)
    found = stages.progress(wanted, settings.release, seen)
    if stages.blocking(found) is not None:
        return found
    return invokers.tested(cluster, settings.namespace, settings.release, seen, found)


def _again(cluster: Cluster, settings: OpenWhiskSettings, wanted: Sequence[stages.Stage]) -> None:
    """Make Jobs anew that an earlier run has left failed."""
    seen = _seen(cluster, settings.namespace)
    found = stages.progress(wanted, settings.release, seen)
    path = LISTS[JOB].format(settings.namespace)
    for name in stages.failed_jobs(found, settings.release):
        cluster.call("DELETE", f"{path}/{name}", {"propagationPolicy": "Foreground"})
        deadline = time.monotonic() + settings.timeout
        while cluster.get(f"{path}/{name}") is not None:
            if time.monotonic() > deadline:
                raise WhisklabError(f"Job {name}, which has failed, does not go away")
            time.sleep(POLL)
        cluster.call("POST", path, fresh(seen.objects[JOB][name]))


def fresh(job: stages.Object) -> dict[str, Any]:
    """Return a Job to create anew, from one that was there. Pure."""
    metadata, spec = job["metadata"], dict(job["spec"])
    template = dict(spec["template"])
    labels = {
        key: value
        for key, value in (template["metadata"].get("labels") or {}).items()
        if key.rpartition("/")[2] not in OF_THE_CONTROLLER
    }
    spec.pop("selector", None)
    spec["template"] = {**template, "metadata": {**template["metadata"], "labels": labels}}
    kept = {key: metadata[key] for key in ("name", "labels", "annotations") if key in metadata}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": kept, "spec": spec}


def _explained(
    cluster: Cluster,
    settings: OpenWhiskSettings,
    at: Progress,
    pods: Sequence[Any],
    over: str,
) -> list[str]:
    """Return sentences on a stage that blocks: what, its pods' last words, what helps."""
    space = f"/api/v1/namespaces/{settings.namespace}"
    lines = [f"OpenWhisk: {over}stage {at.stage.name} blocks: {at.why}"]
    if at.stage.kind == CLAIM:
        lines += blocked.event_lines(cluster, space, at.why.split()[0])
    for pod in blocking_pods(pods, f"{settings.release}-{at.stage.name}", at.stage.name):
        lines += blocked.pod_lines(cluster, space, pod)
    if at.stage.name == PACKAGES:
        lines += causes.of_actions(cluster, settings.namespace)
    helps = hints(lines, at.stage.helps, at.stage.on)
    return [*lines, *(f"what usually helps: {each}" for each in helps)]


def _labels(pod: Any) -> dict[str, str]:  # noqa: ANN401
    found: dict[str, str] = pod["metadata"].get("labels") or {}
    return found


def concerned(pods: Sequence[Any], release: str, found: Sequence[Progress]) -> list[Any]:
    """Return the pods whose state matters to stages that are not reached. Pure.

    The packages wait for the first action that runs; at any other time an action that cannot
    start is its owner's business.
    """
    missing = {f"{release}-{each.stage.name}" for each in found if not each.reached}
    at = stages.blocking(found)
    actions = at is not None and at.stage.name == PACKAGES
    return [
        each
        for each in pods
        if _labels(each).get("name") in missing or (actions and ACTION_PODS in _labels(each))
    ]


def first_of(
    lost: Collection[str], pods: Sequence[Any], release: str, found: Sequence[Progress]
) -> Progress | None:
    """Return the first stage that waits for no other one and has lost a pod, or None. Pure.

    Args:
        lost: names of pods.
        pods: all.
        release: its name.
        found: how far each stage is.
    """
    names = {_labels(each).get("name") for each in pods if each["metadata"]["name"] in lost}
    at = stages.frontier(found)
    return next((each for each in at if f"{release}-{each.stage.name}" in names), None)


def first_failed(found: Sequence[Progress]) -> Progress | None:
    """Return the first stage whose Job has failed for good, whatever else still starts. Pure."""
    return next((each for each in found if each.why == stages.FAILED), None)


def blocking_pods(pods: Sequence[Any], name: str, stage: str) -> list[Any]:
    """Return the pods that tell why a stage blocks: its own, and what it waits for. Pure.

    The packages wait for the first action that runs, so the pods of actions come first there.
    """
    waiting = [each for each in pods if not blocked.ready(each)]
    own = [each for each in waiting if _labels(each).get("name") == name]
    actions = [each for each in waiting if ACTION_PODS in _labels(each)]
    first = [each for each in actions if hopeless(each)] if stage == PACKAGES else []
    return [*first[:1], *own][:PODS_TOLD]
