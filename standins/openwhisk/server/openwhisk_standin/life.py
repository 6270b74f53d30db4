"""How a role lives: it says one line for each event, and ends at SIGTERM."""

from __future__ import annotations

import signal
import sys
import threading
import time
from collections.abc import Callable

_ended = threading.Event()
_writing = threading.Lock()


def say(text: str) -> None:
    """Write one line to the log, with the time."""
    now = time.time()
    stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(now))
    line = " ".join(text.splitlines())
    with _writing:
        sys.stdout.write(f"[{stamp}.{int(now % 1 * 1000):03}Z] {line}\n")
        sys.stdout.flush()


def ended() -> bool:
    """Tell whether the role was asked to end."""
    return _ended.is_set()


def rest(seconds: float) -> bool:
    """Wait, or until the role is asked to end; tells whether it was."""
    return _ended.wait(seconds)


def in_background(work: Callable[[], None], name: str) -> None:
    """Run ``work`` in a thread that does not keep the role alive."""
    threading.Thread(target=work, name=name, daemon=True).start()


def until_told(what: str) -> int:
    """Live until SIGTERM or SIGINT; call it in the main thread, when all threads run.

    Returns:
        0, the exit code of a role that was told to end.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _ended.set())
    _ended.wait()
    say(f"{what} ends, as it was told to")
    return 0
