"""Waiting that explains itself: which stage is reached, and what keeps the next one."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from deploys.openwhisk import causes, invokers, stages
from deploys.openwhisk.hints import hints
from deploys.openwhisk.patience import Patience
from deploys.openwhisk.pods import PACKAGES, blocking_pods, concerned, first_failed, first_of
from deploys.openwhisk.settings import OpenWhiskSettings
from deploys.openwhisk.stages import CLAIM, DEPLOYMENT, JOB, STATEFUL, Progress, Seen
from whisklab.engine.kubernetes import stuck, waiting
from whisklab.engine.kubernetes.client import FOREGROUND, Client
from whisklab.errors import WhisklabError

LISTS = {
    STATEFUL: "/apis/apps/v1/namespaces/{}/statefulsets",
    DEPLOYMENT: "/apis/apps/v1/namespaces/{}/deployments",
    JOB: "/apis/batch/v1/namespaces/{}/jobs",
    CLAIM: "/api/v1/namespaces/{}/persistentvolumeclaims",
}
# What the Job controller writes into a Job; a new one must not have it.
OF_THE_CONTROLLER = ("controller-uid", "job-name")
# Looks, one a second, for which all must stay well: a controller has yet to hear of a new invoker,
# and one whose invoker has ended sends calls to it until it was silent for 10 s
# (InvokerSupervision.scala, healthyTimeout).
STEADY, FORGOTTEN = 5, 12


def look(client: Client, settings: OpenWhiskSettings) -> list[Progress]:
    """Return how far each stage is, from four small requests.

    Raises:
        WhisklabError: the API does not answer.
    """
    return stages.progress(
        stages.stages(settings), settings.release, _seen(client, settings.namespace)
    )


def _seen(client: Client, namespace: str) -> Seen:
    def listed(path: str) -> dict[str, Any]:
        return {each["metadata"]["name"]: each for each in client.items(path.format(namespace))}

    return Seen({kind: listed(path) for kind, path in LISTS.items()})


def wait(client: Client, settings: OpenWhiskSettings) -> None:
    """Wait until all stages stay reached; Jobs that have failed are made anew first.

    Args:
        client: of the cluster.
        settings: of the leader.

    Raises:
        WhisklabError: the time is over, or a pod cannot start; says what blocks.
    """
    watch = _Watch(client, settings, stages.stages(settings))
    _again(client, settings, watch.wanted)
    try:
        waiting.wait(client.server, watch.problem, settings.timeout, steady=lambda: watch.steady)
    except waiting.Overdue as error:
        said = watch.explained(f"after {settings.timeout:.0f} s ") or [str(error)]
        raise WhisklabError("\n".join(said)) from error


@dataclass
class _Watch:
    """The looks of one waiting, and what they have seen.

    Attributes:
        client: of the cluster.
        settings: of the leader.
        wanted: the stages.
        steady: for how many looks all must stay well.
        patience: with pods that cannot start.
        found: how far the stages were at the last look.
        pods: what there was then, if a stage was not reached.
    """

    client: Client
    settings: OpenWhiskSettings
    wanted: Sequence[stages.Stage]
    steady: int = STEADY
    patience: Patience = field(default_factory=Patience)
    found: Sequence[Progress] = ()
    pods: Sequence[Any] = ()

    def problem(self) -> str | None:
        """Return how far the stages are, None when all are reached.

        Raises:
            WhisklabError: a pod cannot start, or a Job has failed for good; says what blocks.
        """
        release, self.found = self.settings.release, ()  # nothing is known when this look fails
        self.found = _found(self.client, self.settings, self.wanted)
        if any(each.why.endswith(stages.ENDING) for each in self.found):
            self.steady = FORGOTTEN
        if stages.blocking(self.found) is None:
            return None
        self.pods = self.client.items(f"/api/v1/namespaces/{self.settings.namespace}/pods")
        lost = self.patience.lost(concerned(self.pods, release, self.found), time.monotonic())
        if lost or stages.failed_jobs(self.found, release):
            raise WhisklabError("\n".join(self.explained("", lost)))
        return f"OpenWhisk: {stages.told(self.found)}"

    def explained(self, over: str, lost: Collection[str] = ()) -> list[str]:
        """Return sentences on what blocked at the last look; none if nothing has.

        Args:
            over: how long it was waited for.
            lost: names of pods that cannot start.
        """
        at = first_of(lost, self.pods, self.settings.release, self.found)
        at = at or first_failed(self.found) or stages.blocking(self.found)
        return _explained(self.client, self.settings, at, self.pods, over) if at else []


def _found(
    client: Client, settings: OpenWhiskSettings, wanted: Sequence[stages.Stage]
) -> list[Progress]:
    """How far the stages are; when all are, the controllers' word on their invokers counts."""
    seen = _seen(client, settings.namespace)
    found = stages.progress(wanted, settings.release, seen)
    if stages.blocking(found) is not None:
        return found
    return invokers.tested(client, settings.namespace, settings.release, seen, found)


def _again(client: Client, settings: OpenWhiskSettings, wanted: Sequence[stages.Stage]) -> None:
    """Make Jobs anew that an earlier run has left failed."""
    seen = _seen(client, settings.namespace)
    found = stages.progress(wanted, settings.release, seen)
    path = LISTS[JOB].format(settings.namespace)
    for name in stages.failed_jobs(found, settings.release):
        client.delete(f"{path}/{name}", FOREGROUND)
        there = {f"{path}/{name}": f"Job {name}, which has failed"}
        waiting.gone(client, there, settings.timeout, "see what keeps its pods, and run again")
        client.create(path, fresh(seen.objects[JOB][name]))


def fresh(job: Mapping[str, Any]) -> dict[str, Any]:
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
    client: Client,
    settings: OpenWhiskSettings,
    at: Progress,
    pods: Sequence[Any],
    over: str,
) -> list[str]:
    """Return sentences on a stage that blocks: what, its pods' last words, what helps."""
    space = f"/api/v1/namespaces/{settings.namespace}"
    lines = [f"OpenWhisk: {over}stage {at.stage.name} blocks: {at.why}"]
    if at.stage.kind == CLAIM:
        lines += stuck.event_lines(client, space, at.why.split()[0])
    for pod in blocking_pods(pods, f"{settings.release}-{at.stage.name}", at.stage.name):
        lines += stuck.pod_lines(client, space, pod)
    if at.stage.name == PACKAGES:
        lines += causes.of_actions(client, settings.namespace)
    helps = hints(lines, at.stage.helps, at.stage.on)
    return [*lines, *(f"what usually helps: {each}" for each in helps)]
