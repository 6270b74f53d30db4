"""How long pods that cannot start are waited for. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from deploys.openwhisk.hints import UNBOUND
from whisklab.engine.kubernetes.stuck import hopeless
from whisklab.engine.kubernetes.workloads import Object, phase

GIVE_UP_AFTER = 45.0  # seconds that a pod must be seen so; the kubelet pulls again at 10 and 30
# Seconds for claims to be bound: a provisioner that lost its server or storage for a while asks
# again after up to a minute, as do those that it needs (measured: 12 to 114 s).
BOUND_WITHIN = 180.0
AGAIN_WITHIN = 20.0  # seconds from the end of an action's pod to the next one's trouble
_IMAGE = "image "


class Patience:
    """Tells which pods have been hopeless for too long.

    Pods that nobody owns are the invoker's, for actions. It deletes one that cannot start within
    seconds and makes another (KubernetesContainerFactory.scala), so those of one image are counted
    as one, also over a look in which there is none.
    """

    def __init__(self) -> None:
        self._since: dict[str, tuple[float, float]] = {}  # when it was seen first and last

    def lost(self, pods: Iterable[Object], now: float) -> dict[str, str]:
        """Return pod to reason, of those that were hopeless in each look for too long.

        Args:
            pods: all that are there now.
            now: a time in seconds.
        """
        there = list(pods)
        bad = {_known_by(each): each for each in there if hopeless(each) is not None}
        run = {_known_by(each) for each in there if phase(each) == "Running"}
        kept = {
            key: times
            for key, times in self._since.items()
            if key in bad
            or (key.startswith(_IMAGE) and key not in run and now - times[1] < AGAIN_WITHIN)
        }
        self._since = kept | {key: (kept.get(key, (now, now))[0], now) for key in bad}
        return {
            each["metadata"]["name"]: hopeless(each) or ""
            for key, each in bad.items()
            if now - self._since[key][0] >= _enough(hopeless(each) or "")
        }


def _enough(reason: str) -> float:
    return BOUND_WITHIN if UNBOUND in reason else GIVE_UP_AFTER


def _known_by(pod: Object) -> str:
    if pod["metadata"].get("ownerReferences"):
        return str(pod["metadata"]["name"])
    images = [
        str(each.get("image", "")) for each in (pod.get("spec") or {}).get("containers") or []
    ]
    return _IMAGE + ", ".join(images)
