"""Capabilities as pyinfra deploys that can be left out of a run (`--only k3s,labels`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from typing import ParamSpec, cast

from pyinfra.api import deploy

from whisklab.errors import BadInput

P = ParamSpec("P")
_known: set[str] = set()
_only: set[str] = set()


def capability(name: str, part: str = "") -> Callable[[Callable[P, None]], Callable[P, None]]:
    """Make a function a deploy of the capability `name`, and of its `part` if it has several."""
    _known.add(name)

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
    return not _only or name in _only


def selection() -> list[str]:
    """Return the capabilities that the run is limited to, sorted; none for all."""
    return sorted(_only)


def select(names: Iterable[str]) -> None:
    """Limit the run to these capabilities; none means all."""
    _only.clear()
    _only.update(names)


def check_selection() -> None:
    """Check that what was selected exists; all capabilities must have been imported.

    Raises:
        BadInput: an unknown capability.
    """
    for name in sorted(_only - _known):
        raise BadInput(f"--only: {name}: unknown capability, there are {', '.join(sorted(_known))}")
