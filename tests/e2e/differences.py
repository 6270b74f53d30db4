"""Of two states that should be equal only what differs: a host's listing has thousands of lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import fields, is_dataclass
from typing import Any

LINES = 40
LENGTH = 300  # characters of a value


def told(now: object, then: object) -> list[str]:
    """Say where two states differ, a line each, LINES at most; nothing for equal ones.

    States are mappings, dataclasses and sets, one in another as deep as they like.
    """
    found = list(_differences(now, then, ""))
    rest = len(found) - LINES
    return [*found[:LINES], *([f"and {rest} more"] if rest > 0 else [])]


def _differences(now: object, then: object, where: str) -> Iterator[str]:
    if now == then:
        return
    if isinstance(now, Set) and isinstance(then, Set):
        yield from (f"{where}: {_short(item)} came" for item in _sorted(now - then))
        yield from (f"{where}: {_short(item)} is gone" for item in _sorted(then - now))
        return
    ours, theirs = _parts(now), _parts(then)
    if ours is None or theirs is None or type(now) is not type(then):
        yield f"{where}: {_short(now)}, and it was {_short(then)}"
        return
    for key in dict.fromkeys([*theirs, *ours]):
        inside = f"{where} {key}".strip()
        if key not in theirs:
            yield f"{inside}: {_short(ours[key])} came"
        elif key not in ours:
            yield f"{inside}: {_short(theirs[key])} is gone"
        else:
            yield from _differences(ours[key], theirs[key], inside)


def _parts(value: object) -> Mapping[Any, object] | None:
    if isinstance(value, Mapping):
        return value
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: getattr(value, field.name) for field in fields(value)}
    return None


def _sorted(items: Set[Any]) -> list[Any]:
    return sorted(items, key=repr)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= LENGTH else f"{text[:LENGTH]}..."
