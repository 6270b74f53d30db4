"""`run` and `session`, in less time than by themselves; it patches the library for gevent.

A fifth of the processor time of a run that changes nothing went into four things: gevent reads
what each installed package announces, once for each module that it patches; pyinfra works out the
types of its global arguments, once for each kind of fact; paramiko loads all of invoke for what
`matched` does; and typeguard all of unittest (and so asyncio) to know a mock when it meets one.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from types import ModuleType
from typing import Any

from whisklab.engine.loading import loading

_ENDS_WITHIN = 10.0  # seconds


@contextmanager
def _announced_once() -> Iterator[None]:
    stock, every = metadata.entry_points, metadata.entry_points()
    setattr(metadata, "entry_points", every.select)  # noqa: B010  mypy takes no other function
    try:
        yield
    finally:
        setattr(metadata, "entry_points", stock)  # noqa: B010


@contextmanager
def _instead(**modules: ModuleType | None) -> Iterator[None]:
    """Have others find these in the place of modules that nobody has loaded yet; None for none."""
    loaded: dict[str, Any] = sys.modules
    ours = {name: each for name, each in modules.items() if name not in loaded}
    loaded.update(ours)
    try:
        yield
    finally:
        for name in ours:
            del loaded[name]


def _import_paramiko() -> None:
    if "paramiko" not in sys.modules:
        with _instead(invoke=None):
            importlib.import_module("paramiko")


def _import_typeguard() -> None:
    if {"typeguard", "unittest"} & set(sys.modules):
        return
    mock = ModuleType("unittest.mock")
    vars(mock).update(Mock=type("Mock", (), {}), patch=None)  # of which a run has none
    with _instead(**{"unittest": ModuleType("unittest"), "unittest.mock": mock}):
        importlib.import_module("typeguard")


def _alone() -> None:
    """Wait for threads that are about to end: gevent takes over the locks of a lone thread only.

    (SSHClient.close leaves the thread of its connection to itself for a moment.)
    """
    for each in threading.enumerate():
        if each is not threading.current_thread():
            each.join(_ENDS_WITHIN)
            if each.is_alive():
                raise RuntimeError(f"{each.name} runs on: the engine is to be loaded before it")


def _prepare() -> None:
    if "pyinfra_cli" not in sys.modules:
        _alone()
        with _announced_once():
            importlib.import_module("pyinfra_cli")  # patches
    _import_paramiko()
    _import_typeguard()
    importlib.import_module("pyinfra.api.facts")  # has no fact yet
    importlib.import_module("whisklab.engine.run.speed").install()


with loading():
    _prepare()
    from whisklab.engine.run import command as run
    from whisklab.engine.run import session

__all__ = ["run", "session"]
