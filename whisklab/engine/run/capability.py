"""Capabilities as pyinfra deploys that can be left out of a run (`--only k3s,labels`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec, cast

from pyinfra.api import deploy

from whisklab.engine import runs
from whisklab.engine.runs import Run
from whisklab.errors import BadInput

P = ParamSpec("P")


class _Only(set[str]):
    """The capabilities that a run is limited to; none for all."""


def capability(name: str, part: str = "") -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Make a function a deploy of the capability `name`, and of its `part` if it has several."""

    def decorate(function: Callable[P, None]) -> Callable[P, None]:
        whole = cast("Callable[P, object]", deploy(f"{name}: {part}" if part else name)(function))

        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> None:
            if selected(name):
                whole(*args, **kwargs)

        return call

    return decorate


def selected(name: str) -> bool:
    """Tell whether a capability is part of the run."""
    only = selection()
    return not only or name in only


def selection() -> list[str]:
    """Return the capabilities that the run is limited to, sorted; none for all."""
    return sorted(runs.current().part(_Only))


def select(run: Run, names: Iterable[str]) -> None:
    """Limit a run to these capabilities; none means all."""
    run.part(_Only).update(names)


def check_selection(known: Iterable[str]) -> None:
    """Check that what was selected exists.

    Args:
        known: what can be selected.

    Raises:
        BadInput: an unknown capability.
    """
    there = sorted(known)
    for name in selection():
        if name not in there:
            raise BadInput(f"--only: {name}: unknown capability, there are {', '.join(there)}")
