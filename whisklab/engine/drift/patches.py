"""The patch that puts fields back. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from whisklab.engine.drift.compare import KEYS, Entry, Field, custom
from whisklab.engine.objects import Object

STRATEGIC = "application/strategic-merge-patch+json"
MERGE = "application/merge-patch+json"


def patch_kind(wanted: Object) -> str:
    """Return the content type of the patch for an object; only built-in kinds have keyed lists."""
    return MERGE if custom(wanted) else STRATEGIC


def patch(wanted: Object, fields: Iterable[Field]) -> dict[str, Any]:
    """Return the patch that gives these fields of an object their wished values, and no other."""
    body: dict[str, Any] = {}
    for each in fields:
        _put(body, each, keyed=not custom(wanted))
    return body


def _put(body: dict[str, Any], field: Field, *, keyed: bool) -> None:
    at: Any = body
    *before, last = field.path
    for step, following in zip(before, field.path[1:], strict=True):
        at = _step(at, step, [] if isinstance(following, Entry) else {})
    if isinstance(last, Entry):
        _step(at, last, {}).update(field.wanted)
        return
    value = field.wanted
    if keyed and last in KEYS and isinstance(value, list):
        value = [*value, {"$patch": "replace"}]  # entries without a key of their own
    at[last] = value


def _step(at: Any, step: str | Entry, empty: Any) -> Any:  # noqa: ANN401
    if not isinstance(step, Entry):
        return at.setdefault(step, empty)
    for each in at:
        if each.get(step.key) == step.value:
            return each
    at.append({step.key: step.value})
    return at[-1]
