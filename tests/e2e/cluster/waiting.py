"""Waiting for a condition instead of sleeping for luck."""

from __future__ import annotations

import time
from collections.abc import Callable

WITHIN = 120.0  # seconds
POLL = 0.2


def until(what: str, condition: Callable[[], object]) -> None:
    """Wait until `condition()` is true; fail naming `what` after WITHIN seconds."""
    deadline = time.monotonic() + WITHIN
    while not condition():
        assert time.monotonic() < deadline, f"waited {WITHIN:.0f} s in vain: {what}"
        time.sleep(POLL)
