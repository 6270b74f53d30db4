"""The time by which providers wait, and the word that nothing is to be waited for any more."""

from __future__ import annotations

import threading
import time

from whisklab.lab.common.ended import Unwanted


class Clock:
    """Seconds that pass, until what is waited for is not wanted any more."""

    def __init__(self) -> None:
        self._unwanted = threading.Event()

    def now(self) -> float:
        """Return seconds since some moment."""
        return time.monotonic()

    def sleep(self, seconds: float) -> None:
        """Wait.

        Raises:
            Unwanted: it is over.
        """
        if self._unwanted.wait(seconds):
            raise Unwanted("it is not waited for any more")

    def end(self) -> None:
        """Have whoever waits stop waiting."""
        self._unwanted.set()

    def is_over(self) -> bool:
        """Whether it is."""
        return self._unwanted.is_set()
