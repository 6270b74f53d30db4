"""What to change on a node, as a pure function of what it has and what it should have.

What we set is remembered in two annotations of the node itself, so that a label removed from the
data is removed from the node, and one that somebody else set is left alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

OUR_LABELS = "whisklab.dev/labels"
OUR_TAINTS = "whisklab.dev/taints"

Taint = tuple[str, str, str]  # key, value, effect


@dataclass(frozen=True)
class NodeState:
    """Labels, taints and annotations of a node, and the version they were read at."""

    labels: Mapping[str, str]
    taints: tuple[Taint, ...]
    annotations: Mapping[str, str]
    resource_version: str


def parse_taint(text: str) -> Taint:
    """Return key, value and effect of `key=value:Effect`."""
    body, _, effect = text.rpartition(":")
    key, _, value = body.partition("=")
    return key, value, effect


def patch(state: NodeState, labels: Mapping[str, str], taints: list[str]) -> dict[str, Any] | None:
    """Return the JSON merge patch (RFC 7386) that brings the node to the wish, None for none.

    It carries the resource version, so that it is refused when the node has changed since.
    """
    metadata: dict[str, Any] = {}
    changed = _labels(state, labels)
    if changed:
        metadata["labels"] = changed
    wanted = [parse_taint(taint) for taint in taints]
    kept = _kept_taints(state, wanted)
    annotations = {
        OUR_LABELS: json.dumps(sorted(labels)) if labels else None,
        OUR_TAINTS: json.dumps(sorted(_identity(taint) for taint in wanted)) if wanted else None,
    }
    notes = {key: value for key, value in annotations.items()
             if state.annotations.get(key) != value}  # fmt: skip
    if notes:
        metadata["annotations"] = notes
    body: dict[str, Any] = {}
    if sorted([*kept, *wanted]) != sorted(state.taints):
        body["spec"] = {"taints": [_as_object(taint) for taint in [*kept, *wanted]]}
    if not metadata and not body:
        return None
    return {**body, "metadata": {**metadata, "resourceVersion": state.resource_version}}


def describe(change: Mapping[str, Any] | None) -> list[str]:
    """Return what a patch does, one half sentence for each label, and one for the taints."""
    if change is None:
        return []
    labels = change["metadata"].get("labels", {})
    lines = [f"label {key} is to go" if value is None else f"label {key} is not {value}"
             for key, value in sorted(labels.items())]  # fmt: skip
    if "spec" in change:
        lines.append("the taints differ")
    return lines or ["its record of what is ours differs"]


def _labels(state: NodeState, labels: Mapping[str, str]) -> dict[str, str | None]:
    ours = _remembered(state, OUR_LABELS)
    changed: dict[str, str | None] = {
        key: value for key, value in labels.items() if state.labels.get(key) != value
    }
    gone = [key for key in ours if key not in labels and key in state.labels]
    return changed | dict.fromkeys(gone)


def _kept_taints(state: NodeState, wanted: list[Taint]) -> list[Taint]:
    replaced = {_identity(taint) for taint in wanted} | set(_remembered(state, OUR_TAINTS))
    return [taint for taint in state.taints if _identity(taint) not in replaced]


def _identity(taint: Taint) -> str:
    # Kubernetes allows one taint for each key and effect.
    return f"{taint[0]}:{taint[2]}"


def _remembered(state: NodeState, annotation: str) -> list[str]:
    try:
        found = json.loads(state.annotations.get(annotation, "[]"))
    except ValueError:
        return []  # somebody wrote into it: then nothing counts as ours, nothing is removed
    return [str(item) for item in found] if isinstance(found, list) else []


def _as_object(taint: Taint) -> dict[str, str]:
    key, value, effect = taint
    return {"key": key, "effect": effect} | ({"value": value} if value else {})
