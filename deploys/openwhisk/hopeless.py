"""Pods that will not start by waiting. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

Object = Mapping[str, Any]
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
CRASHES = 4  # restarts of a container in CrashLoopBackOff; components do restart while they wait
GIVE_UP_AFTER = 45.0  # seconds that a pod must be seen so; the kubelet pulls again at 10 and 30
IMAGES = (
    "each node must be able to pull the image: see openwhisk_image_prefix and k3s_registries, or "
    "k3s_airgap_images for a network without a way out"
)
PLACES = "a node must have the labels, the memory and the room that the pod asks for"


def hopeless(pod: Object) -> str | None:
    """Return why a pod cannot start, None when waiting may help."""
    status = pod.get("status") or {}
    for each in status.get("conditions") or []:
        if each["type"] == "PodScheduled" and each.get("reason") == "Unschedulable":
            return f"{UNSCHEDULABLE}: {each.get('message', '')}"
    containers = [
        *(status.get("initContainerStatuses") or []),
        *(status.get("containerStatuses") or []),
    ]
    for each in containers:
        waiting = each["state"].get("waiting") or {}
        reason = waiting.get("reason")
        if reason in REASONS:
            return f"container {each['name']}: {reason}: {waiting.get('message', '')}".rstrip(": ")
        if reason == "CrashLoopBackOff" and each["restartCount"] >= CRASHES:
            return f"container {each['name']} has ended {each['restartCount']} times"
    return None


def advice(reason: str) -> str | None:
    """Return what usually helps against what `hopeless` says; None if that is no rule."""
    if "Image" in reason:
        return IMAGES
    return PLACES if reason.startswith(UNSCHEDULABLE) else None


class Patience:
    """Tells which pods have been hopeless for too long."""

    def __init__(self) -> None:
        self._since: dict[str, float] = {}

    def lost(self, pods: Iterable[Object], now: float) -> dict[str, str]:
        """Return pod to reason, of those that were hopeless in each look for `GIVE_UP_AFTER`.

        Args:
            pods: all that are there now.
            now: a time in seconds.
        """
        reasons = {
            each["metadata"]["name"]: why for each in pods if (why := hopeless(each)) is not None
        }
        self._since = {name: self._since.get(name, now) for name in reasons}
        return {
            name: why for name, why in reasons.items() if now - self._since[name] >= GIVE_UP_AFTER
        }
