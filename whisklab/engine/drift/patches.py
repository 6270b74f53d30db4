"""The patch that puts fields back. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from whisklab.engine.drift.compare import KEYS, Entry, Field, Path, custom, differences, normal
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.objects import Object


def patch_kind(wanted: Object) -> str:
    """Return the content type of the patch for an object; only built-in kinds have keyed lists."""
    return kube.MERGE if custom(wanted) else kube.STRATEGIC


def patch(wanted: Object, fields: Iterable[Field]) -> dict[str, Any]:
    """Return the patch that gives these fields of an object their wished values, and no other."""
    body: dict[str, Any] = {}
    for each in fields:
        _put(body, each, keyed=not custom(wanted))
    return body


def between(before: Object, after: Object) -> list[Field]:
    """Return what makes one manifest of an object into the next; `wanted` None is taken away."""
    gone = [each for each in differences(before, after) if each.is_ is None]
    return [*differences(after, before), *(Field(each.path, each.wanted, None) for each in gone)]


def widened(wanted: Object, fields: Iterable[Field]) -> list[Field]:
    """Return the fields with whole lists in the place of what is missing in them.

    For a list in which an entry was given another key, or an entry another kind of value: beside it
    the wished one cannot be.
    """
    known = list(fields)
    lists = {at for each in known if each.is_ is None and (at := _list(each.path))}
    within = [each for each in known if not any(each.path[: len(at)] == at for at in lists)]
    return [*within, *(Field(at, None, _at(normal(wanted), at)) for at in sorted(lists, key=str))]


def _list(path: Path) -> Path:
    """Return the path of the innermost list with keys that a path leads through, () for none."""
    return next((path[:n] for n in reversed(range(len(path))) if isinstance(path[n], Entry)), ())


def _at(value: Any, path: Path) -> Any:  # noqa: ANN401
    for step in path:
        if isinstance(step, Entry):
            value = next(each for each in value if each.get(step.key) == step.value)
        else:
            value = value[step]
    return value


def _put(body: dict[str, Any], field: Field, *, keyed: bool) -> None:
    at: Any = body
    *before, last = field.path
    for step, following in zip(before, field.path[1:], strict=True):
        at = _step(at, step, [] if isinstance(following, Entry) else {})
    if isinstance(last, Entry):
        gone = {"$patch": "delete"}
        _step(at, last, {}).update(gone if field.wanted is None else field.wanted)
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
