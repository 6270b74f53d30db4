"""Types of JSON documents, and values as OpenWhisk's environment variables write them."""

from __future__ import annotations

import os
import re
import socket
from typing import Any, TypeAlias

# What a JSON parser returns: its shape is the business of who reads it.
Value: TypeAlias = Any
Doc: TypeAlias = dict[str, Value]

_MB = {"b": 1 / 1024 / 1024, "k": 1 / 1024, "m": 1, "g": 1024}
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}


class BadSetting(Exception):
    """An environment variable or an argument cannot be used; its text says which and why."""


def megabytes(text: str) -> int:
    """Return a size such as ``256m``, ``256 MB`` or ``1g`` in MB.

    Raises:
        BadSetting: it is no size.
    """
    found = re.fullmatch(r"\s*(\d+)\s*([bkmg])i?b?\s*", text, re.IGNORECASE)
    if not found:
        raise BadSetting(f"'{text}' is no size such as 256m")
    return int(int(found[1]) * _MB[found[2].lower()])


def milliseconds(text: str) -> int:
    """Return a duration such as ``100ms``, ``1m`` or ``2 minutes`` in milliseconds.

    Raises:
        BadSetting: it is no duration.
    """
    found = re.fullmatch(r"\s*(\d+)\s*(ms|millis\w*|[smhd])\w*\s*", text, re.IGNORECASE)
    if not found:
        raise BadSetting(f"'{text}' is no duration such as 1m")
    unit = found[2].lower()
    return int(found[1]) * _MILLISECONDS["ms" if unit.startswith("millis") else unit]


def setting(name: str, default: str | None = None) -> str:
    """Return an environment variable; an empty one is as good as none.

    Raises:
        BadSetting: there is none, and no default.
    """
    found = os.environ.get(name, "").strip() or default
    if found is None:
        raise BadSetting(f"the environment variable {name} is needed")
    return found


def number(name: str, default: int) -> int:
    """Return an environment variable that is a whole number.

    Raises:
        BadSetting: it is none.
    """
    text = setting(name, str(default))
    try:
        return int(text)
    except ValueError as error:
        raise BadSetting(f"{name}: '{text}' is no whole number") from error


def ordinal(name: str) -> int:
    """Return the number at the end of a StatefulSet's pod name; 0 where there is none."""
    tail = name.rpartition("-")[2]
    return int(tail) if tail.isdigit() else 0


def own_ordinal() -> int:
    """Return the number of this pod in its StatefulSet, by its host name."""
    return ordinal(socket.gethostname())
