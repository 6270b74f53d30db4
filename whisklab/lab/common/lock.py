"""Locks between runs. The kernel frees one when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whisklab.lab.common.run import Report

LOCKS = Path("/run/whisklab/locks")  # of root


@contextmanager
def locked(name: str, report: Report, directory: Path = LOCKS) -> Iterator[Path]:
    """Hold the lock `name`, after waiting for whoever has it (and saying who).

    Yields:
        The lock's file. The holder may remove it, when nothing is left that it would lock.
    """
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    path = directory / f"{name}.lock"
    while True:
        # Not inherited by programs we start (Python's default), so a host never holds it.
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        try:
            _acquire(handle, name, report)
            if not _is(path, handle):
                continue  # whoever had it has removed it: what we hold locks nothing
            os.ftruncate(handle, 0)
            os.pwrite(handle, str(os.getpid()).encode(), 0)
            yield path
        finally:
            os.close(handle)
        return


def _acquire(handle: int, name: str, report: Report) -> None:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "?"
        report(f"waiting for another whisklab (process {holder}) to finish with {name}")
        fcntl.flock(handle, fcntl.LOCK_EX)


def _is(path: Path, handle: int) -> bool:
    try:
        return os.path.samestat(path.stat(), os.fstat(handle))
    except FileNotFoundError:
        return False
