"""What one run knows, in one object that begins and ends with it.

A run is a `State` of pyinfra, and its `Run` hangs there: whoever has a host or pyinfra's context
finds it, and the next run has another, so nothing has to be forgotten by hand. Each room keeps what
it knows in a class of its own, a part, which it alone reads and writes; this module knows none.
"""

from __future__ import annotations

from typing import Any, TypeVar, cast

from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.context import ctx_state

T = TypeVar("T")
_ATTRIBUTE = "whisklab_run"  # of pyinfra's State


class Run:
    """The parts of one run, each made when it is first asked for."""

    def __init__(self) -> None:
        self._parts: dict[type[Any], Any] = {}

    def part(self, kind: type[T]) -> T:
        """Return the run's one object of a class that is made without arguments."""
        if kind not in self._parts:
            self._parts[kind] = kind()
        return cast("T", self._parts[kind])


def begin(state: State, run: Run) -> None:
    """Make `run` that of a state which has none yet."""
    if vars(state).setdefault(_ATTRIBUTE, run) is not run:
        raise RuntimeError("the state has a run already")


def of(state: State) -> Run:
    """Return the run of a state; it begins with the first question for it."""
    known = vars(state).get(_ATTRIBUTE)
    return cast("Run", known or vars(state).setdefault(_ATTRIBUTE, Run()))


def on(host: Host) -> Run:
    """Return the run that a host belongs to."""
    return of(host.state)


def if_any() -> Run | None:
    """Return the run of pyinfra's context; None where none has begun."""
    return of(ctx_state.get()) if ctx_state.isset() else None


def current() -> Run:
    """Return the run of pyinfra's context.

    Raises:
        LookupError: none has begun.
    """
    found = if_any()
    if found is None:
        raise LookupError("no run has begun: pyinfra's context has no State")
    return found
