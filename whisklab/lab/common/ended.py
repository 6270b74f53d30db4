"""Foreign programs that may never end: a deadline for each, and what they printed."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from whisklab.errors import BadInput, WhisklabError

_POLL = 0.2  # seconds
GRACE = 30.0  # seconds that a program has to put away what it was making


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, and what it printed where."""

    code: int
    out: str
    said: str


class Late(WhisklabError):
    """A command was ended after its deadline."""


class Unwanted(WhisklabError):
    """What was going on is not wanted any more."""


def run(
    argv: Sequence[str],
    within: float,
    *,
    missing: str,
    stdin: str = "",
    environment: Mapping[str, str] | None = None,
    unwanted: Callable[[], bool] = lambda: False,
    grace: float = GRACE,
) -> Ended:
    """Run a program; its standard input is closed unless there are data.

    Args:
        argv: it and its arguments.
        within: seconds, after which it is ended with all that it has started.
        missing: what to do where there is no such program.
        stdin: data for it.
        environment: all of it; None for ours.
        unwanted: tells that it is to be ended before.
        grace: seconds between the interrupt that ends it and the kill.

    Raises:
        BadInput: there is no such program.
        Late: it did not end in time.
        Unwanted: it was ended before.
    """
    try:
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE if stdin else subprocess.DEVNULL, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
    except FileNotFoundError:
        raise BadInput(f"this computer has no program {argv[0]!r}: {missing}") from None
    over, given = time.monotonic() + within, stdin or None
    try:
        while True:
            with suppress(subprocess.TimeoutExpired):
                out, said = process.communicate(given, timeout=_POLL)
                return Ended(process.returncode, out, said)
            given = None
            _judge(argv, within, unwanted=unwanted(), late=time.monotonic() > over)
    except BaseException:
        _end(process, grace)
        raise


def _judge(argv: Sequence[str], within: float, *, unwanted: bool, late: bool) -> None:
    what = " ".join(argv[:3])
    if unwanted:
        raise Unwanted(f"{what}: it was ended, as it is not wanted any more")
    if late:
        raise Late(f"{what}: no end within {within:.0f} s, so it was ended")


def _end(process: subprocess.Popen[str], grace: float) -> None:
    """End a program with all that it has started; first so that it can put things away."""
    # Who was started in the background ignores interrupts, and so do all that he starts.
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    asked = signal.SIGTERM if ignored else signal.SIGINT
    for number, wait in ((asked, grace), (signal.SIGKILL, None)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=wait)
            return
