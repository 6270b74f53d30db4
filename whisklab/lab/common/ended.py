"""Foreign programs that may never end: a deadline for each, and what they printed."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from whisklab.errors import BadInput, WhisklabError


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, and what it printed where."""

    code: int
    out: str
    said: str


class Late(WhisklabError):
    """A command was ended after its deadline."""


def run(
    argv: Sequence[str],
    within: float,
    *,
    missing: str,
    stdin: str = "",
    environment: Mapping[str, str] | None = None,
) -> Ended:
    """Run a program; its standard input is closed unless there are data.

    Args:
        argv: it and its arguments.
        within: seconds, after which it is ended with all that it has started.
        missing: what to do where there is no such program.
        stdin: data for it.
        environment: all of it; None for ours.

    Raises:
        BadInput: there is no such program.
        Late: it did not end in time.
    """
    try:
        process = subprocess.Popen(
            argv, stdin=subprocess.PIPE if stdin else subprocess.DEVNULL, env=environment,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        )  # fmt: skip
    except FileNotFoundError:
        raise BadInput(f"this computer has no program {argv[0]!r}: {missing}") from None
    try:
        out, said = process.communicate(stdin or None, timeout=within)
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if isinstance(error, subprocess.TimeoutExpired):
            what = " ".join(argv[:3])
            raise Late(f"{what}: no end within {within:.0f} s, so it was ended") from None
        raise
    return Ended(process.returncode, out, said)
