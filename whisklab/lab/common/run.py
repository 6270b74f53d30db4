"""Running programs: argument lists, no shell, errors as one sentence."""

from __future__ import annotations

import os
import subprocess
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from whisklab.errors import WhisklabError

# Hears a line for each step; with DETAIL before it, what only a log is for, as programs' output.
Report = Callable[[str], None]
DETAIL = "\t"
_LAST_LINES = 15


def environment() -> dict[str, str]:
    """The environment for programs: C locale, and the sbin directories in PATH."""
    path = os.environ.get("PATH", "/usr/local/bin:/usr/bin:/bin")
    return {
        **os.environ,
        "PATH": f"{path}:/usr/local/sbin:/usr/sbin:/sbin",
        "LC_ALL": "C.UTF-8",
        "DEBIAN_FRONTEND": "noninteractive",
    }


def run(argv: Sequence[str], *, stdin: str = "") -> str:
    """Run a program and return what it prints.

    Raises:
        WhisklabError: it is not there or failed; with its last words.
    """
    try:
        done = subprocess.run(
            argv, input=stdin, capture_output=True, text=True, env=environment(), check=False
        )
    except FileNotFoundError:
        raise WhisklabError(f"the program {argv[0]} is not installed") from None
    if done.returncode:
        words = (done.stderr or done.stdout).strip().splitlines()
        raise _failed(argv, done.returncode, words[-_LAST_LINES:])
    return done.stdout


def run_long(
    argv: Sequence[str], report: Report, *, stdin: str = "", cwd: Path | None = None
) -> None:
    """Run a program that takes long, reporting each line it prints.

    Raises:
        WhisklabError: it is not there or failed; with its last words.
    """
    last: deque[str] = deque(maxlen=_LAST_LINES)
    try:
        process = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment(),
            cwd=cwd,
        )
    except FileNotFoundError:
        raise WhisklabError(f"the program {argv[0]} is not installed") from None
    with process:
        if process.stdin is None or process.stdout is None:
            raise AssertionError
        with suppress(BrokenPipeError):  # it ended at once; its last words tell why
            process.stdin.write(stdin)
            process.stdin.close()
        for line in process.stdout:
            if text := line.strip():
                last.append(text)
                report(DETAIL + text)
    if process.returncode:
        raise _failed(argv, process.returncode, list(last))


def _failed(argv: Sequence[str], code: int, words: list[str]) -> WhisklabError:
    said = "; it said: " + " | ".join(words) if words else ""
    return WhisklabError(f"{argv[0]} failed with exit code {code}{said}")
