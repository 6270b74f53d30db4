"""Staying below the number of calls that OpenWhisk allows a namespace."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import TypeVar

from deploys.openwhisk.answers import Throttled

T = TypeVar("T")
MINUTE = 60.0  # seconds, of which OpenWhisk counts the calls
PATIENCE = 75.0  # seconds; by then a new minute has begun
POLL = 1.0


class Pace:
    """Keeps the calls of this process below so many in any minute.

    Args:
        per_minute: how many there may be.
        now: a clock, in seconds.
        sleep: waits so many of them.
    """

    def __init__(
        self,
        per_minute: int,
        now: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._made: deque[float] = deque(maxlen=per_minute)
        self._now, self._sleep = now, sleep

    def wait(self) -> None:
        """Wait until one more call is allowed, and count it."""
        if len(self._made) == self._made.maxlen:
            left = self._made[0] + MINUTE - self._now()
            if left > 0:
                self._sleep(left)
        self._made.append(self._now())

    def patiently(self, work: Callable[[], T]) -> T:
        """Return what `work` does, as soon as it is not throttled.

        Raises:
            Throttled: it still is after more than a minute.
        """
        end = self._now() + PATIENCE
        while True:
            try:
                return work()
            except Throttled:
                if self._now() > end:
                    raise
                self._sleep(POLL)
