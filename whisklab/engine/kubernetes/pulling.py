"""Which containers ask a registry each time they start, wherever their image is already. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from whisklab.engine.kubernetes.objects import Id, Object

_LISTS = ("initContainers", "containers", "ephemeralContainers")
_ALWAYS = "Always"


def pulling(objects: Mapping[Id, Object]) -> list[str]:
    """Return half a sentence for each container that asks, whatever its node has.

    Args:
        objects: as helm renders them; pods, and what has a template of pods.
    """
    return [
        f"{name}: container {each.get('name')} ({each.get('image')}) {why}"
        for name, found in objects.items()
        for each in _containers(found.get("spec"))
        if (why := _why(each)) is not None
    ]


def _why(container: Mapping[str, Any]) -> str | None:
    image, policy = str(container.get("image") or ""), container.get("imagePullPolicy")
    if policy:
        return f"says imagePullPolicy: {_ALWAYS}" if policy == _ALWAYS else None
    # Kubernetes' default (its documentation, "Images": Default image pull policy).
    tag = image.rpartition("/")[2].partition(":")[2]
    if "@" in image or tag not in {"", "latest"}:
        return None
    return "says no imagePullPolicy, which is Always for `latest`"


def _containers(spec: Any) -> Iterator[Mapping[str, Any]]:  # noqa: ANN401  as YAML has it
    """Yield the containers of a pod's spec, or of one below it, as a CronJob's is."""
    if not isinstance(spec, Mapping):
        return
    for key, value in spec.items():
        if key in _LISTS and isinstance(value, list):
            yield from (each for each in value if isinstance(each, Mapping))
        elif key in {"template", "jobTemplate", "spec"}:
            yield from _containers(value)
