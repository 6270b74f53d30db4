"""Which pods and stages tell why an installation does not go on. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from deploys.openwhisk import stages
from deploys.openwhisk.stages import Progress
from whisklab.engine.kubernetes.stuck import hopeless, is_done

ACTION_PODS = "user-action-pod"  # the label of the pods that run actions
PACKAGES = "install-packages"
PODS_TOLD = 2


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
    waiting = [each for each in pods if not is_done(each)]
    own = [each for each in waiting if _labels(each).get("name") == name]
    actions = [each for each in waiting if ACTION_PODS in _labels(each)]
    first = [each for each in actions if hopeless(each)] if stage == PACKAGES else []
    return [*first[:1], *own][:PODS_TOLD]
