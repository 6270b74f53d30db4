"""Run a verb of whisklab, and be killed with root's part of it at a chosen point.

    python -m tests.e2e.lab.dying POINT VERB ...

POINT is `before:FUNCTION` or `after:FUNCTION`, one of FUNCTIONS, of what root does.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

FUNCTIONS = {
    "copy": ("whisklab.lab.providers.nspawn.store", "Store.copy"),
    "describe": ("whisklab.lab.providers.nspawn.snapshots", "save"),
    "stop": ("whisklab.lab.providers.nspawn.lab", "power_off"),
    "halt": ("whisklab.lab.providers.nspawn.lab", "halt"),
    "begin": ("whisklab.lab.providers.nspawn.journal", "begin"),
    "switch": ("whisklab.lab.providers.nspawn.copies", "_switch"),
    "up": ("whisklab.lab.providers.nspawn.lab", "up"),
}
_ROOT = "whisklab.lab.providers.nspawn"


def _end() -> None:
    os.killpg(os.getpgrp(), signal.SIGKILL)


def _dying(function: Callable[..., Any], when: str) -> Callable[..., Any]:
    def instead(*arguments: Any, **named: Any) -> Any:
        if when == "before":
            _end()
        result = function(*arguments, **named)
        _end()
        return result

    return instead


def _patch(point: str) -> None:
    when, _, which = point.partition(":")
    module, name = FUNCTIONS[which]
    owner: Any = __import__(module, fromlist=["_"])
    *path, last = name.split(".")
    for each in path:
        owner = getattr(owner, each)
    setattr(owner, last, _dying(getattr(owner, last), when))


def _as_root(point: str, verb: str) -> None:
    from whisklab.lab.providers.nspawn import __main__ as program  # noqa: PLC0415

    sys.argv = [program.__file__, verb]
    _patch(point)
    sys.exit(program.main())


def _as_user(point: str, arguments: list[str]) -> None:
    from whisklab.cli.main import run  # noqa: PLC0415
    from whisklab.lab.providers.nspawn import root  # noqa: PLC0415

    stock = root.command

    def command(verb: str, **named: Any) -> list[str]:
        argv = stock(verb, **named)
        module = argv.index(_ROOT)
        return [*argv[:module], __spec__.name, "--root", point, *argv[module + 1 :]]

    root.command = command
    sys.exit(run(arguments))


if __name__ == "__main__":
    if sys.argv[1] == "--root":
        _as_root(sys.argv[2], sys.argv[3])
    else:
        _as_user(sys.argv[1], sys.argv[2:])
