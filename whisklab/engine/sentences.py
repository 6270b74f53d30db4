"""Parts of sentences for people. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pydantic import ValidationError

SHOWN = 3


def listed(names: Sequence[str], shown: int = SHOWN) -> str:
    """Return some names of many, and how many more there are."""
    more = f" and {len(names) - shown} more" if len(names) > shown else ""
    return ", ".join(names[:shown]) + more


def fault(error: ValidationError, *where: str) -> str:
    """Return the first thing that is wrong with some data, with its place.

    Args:
        error: of pydantic.
        where: in which the data are.
    """
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(map(str, (*where, *first["loc"])))
    return f"{place}: {first['msg']}" if place else first["msg"]
