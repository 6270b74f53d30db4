"""`run` and `session`, in less time than by themselves; it patches the library for gevent.

A fifth of the processor time of a run that changes nothing went into three things: gevent reads
what each installed package announces, once for each module that it patches; pyinfra works out the
types of its global arguments, once for each kind of fact; and paramiko loads all of invoke for what
`matched` does.
"""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from typing import Any

_ENDS_WITHIN = 10.0  # seconds


@contextmanager
def _announced_once() -> Iterator[None]:
    stock, every = metadata.entry_points, metadata.entry_points()
    setattr(metadata, "entry_points", every.select)  # noqa: B010  mypy takes no other function
    try:
        yield
    finally:
        setattr(metadata, "entry_points", stock)  # noqa: B010


def _import_paramiko() -> None:
    if {"paramiko", "invoke"} & set(sys.modules):
        return
    modules: dict[str, Any] = sys.modules
    modules["invoke"] = None  # "not to be had", in Python's words
    try:
        importlib.import_module("paramiko")
    finally:
        del modules["invoke"]


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
    importlib.import_module("pyinfra.api.facts")  # has no fact yet
    importlib.import_module("whisklab.engine.run.speed").install()


_prepare()

from whisklab.engine.run import command as run  # noqa: E402  what they load is prepared for
from whisklab.engine.run import session  # noqa: E402

__all__ = ["run", "session"]
