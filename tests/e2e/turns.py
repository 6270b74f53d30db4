"""Test processes that run at once take turns where one of them does the work for all."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from whisklab.paths import cache_dir


@contextmanager
def first_up() -> Iterator[None]:
    """Bring a lab up while no other test process does so for the first time.

    On a new machine that installs packages and compiles Kubernetes.
    """
    with _alone("e2e"):
        yield


@contextmanager
def one_clone() -> Iterator[None]:
    """Clone a lab while no other test process does: three that boot at once take longer in all.

    (Two processors for twelve hosts and three clusters: each then runs into somebody's limit.)
    """
    with _alone("clone"):
        yield


@contextmanager
def _alone(what: str) -> Iterator[None]:
    cache_dir().mkdir(parents=True, exist_ok=True)
    with (cache_dir() / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
