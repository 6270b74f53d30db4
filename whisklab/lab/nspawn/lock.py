"""Locks between runs. The kernel frees one when its holder ends, however it ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whisklab.lab.nspawn.layout import LOCKS
from whisklab.lab.nspawn.run import Report


@contextmanager
def locked(name: str, report: Report, directory: Path = LOCKS) -> Iterator[None]:
    """Hold the lock `name`, after waiting for whoever has it (and saying who)."""
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    # Not inherited by programs we start (Python's default), so a host never holds it.
    handle = os.open(directory / f"{name}.lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(handle, 20, 0).decode("ascii", "replace").strip() or "?"
            report(f"waiting for another whisklab (process {holder}) to finish with {name}")
            fcntl.flock(handle, fcntl.LOCK_EX)
        os.ftruncate(handle, 0)
        os.pwrite(handle, str(os.getpid()).encode(), 0)
        yield
    finally:
        os.close(handle)
