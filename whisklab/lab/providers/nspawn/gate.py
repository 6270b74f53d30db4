"""Wait on stdin for a word, then become another program: `python gate.py PROGRAM ARG...`.

The one who starts a process through the gate writes its number down first and then lets it go. If
the starter dies in between, stdin ends and nothing is started, so no process is ever unrecorded.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

GO = b"go\n"


def main() -> None:
    """Wait, then exec the program in the arguments; exit 0 when nobody lets it go."""
    if sys.stdin.buffer.readline() != GO:
        return
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.execvp(sys.argv[1], sys.argv[1:])  # noqa: S606 (becoming it is the point)


def start(
    argv: Sequence[str],
    log: Path,
    write_down: Callable[[int], None],
    *,
    env: dict[str, str],
    pass_fds: Sequence[int] = (),
) -> None:
    """Start `argv` as a process of its own session, after `write_down` has noted its number."""
    gate = [sys.executable, "-I", "-S", __file__, *argv]
    with log.open("ab") as output:
        process = subprocess.Popen(
            gate,
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=env,
            start_new_session=True,
            pass_fds=pass_fds,
            cwd="/",
        )
    write_down(process.pid)
    if process.stdin is None:
        raise AssertionError
    process.stdin.write(GO)
    process.stdin.close()
    process.returncode = 0  # it outlives us; Popen need not warn about that


if __name__ == "__main__":
    main()
