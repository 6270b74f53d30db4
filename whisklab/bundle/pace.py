"""Progress that is told now and then: many quick steps are no news, a slow one is."""

from __future__ import annotations

import threading
import time

from whisklab.engine.artifacts.downloads import PROGRESS_EVERY, Report


class Pace:
    """Passes a line on when some seconds have gone by since the last one.

    Args:
        report: hears of it.
        every: so many seconds.
    """

    def __init__(self, report: Report, every: float = PROGRESS_EVERY) -> None:
        self._report, self._every = report, every
        self._told = time.monotonic()
        self._lock = threading.Lock()

    def __call__(self, line: str) -> None:
        """Tell a line, or drop it."""
        with self._lock:
            now = time.monotonic()
            if now - self._told < self._every:
                return
            self._told = now
        self._report(line)
