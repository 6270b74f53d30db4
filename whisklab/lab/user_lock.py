"""One change of a lab at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whisklab.lab.common.lock import locked
from whisklab.lab.common.run import Report
from whisklab.paths import state_dir


@contextmanager
def user_lock(name: str, report: Report) -> Iterator[Path]:
    """Hold the user's lock of a lab; waits, saying for whom. Yields its file."""
    with locked(f"lab-{name}", report, state_dir() / "locks") as path:
        yield path
