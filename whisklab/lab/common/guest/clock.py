"""The time by which this provider waits; tests have one of their own."""

from __future__ import annotations

import time


class Clock:
    """Seconds that pass."""

    def now(self) -> float:
        """Return seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)
