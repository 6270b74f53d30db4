"""How long a program takes, and how much processor time and memory with all its children."""

from __future__ import annotations

import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

BEGAN = "WHISKLAB_BENCH_BEGAN"  # tells a program when it was started, by the monotonic clock
STAGE = "Stage: "  # how the operations begin that are stages of a deploy
WITHIN = 900.0  # seconds; a program that hangs ends the bench
TIMES = 5
_END = 2000  # characters of what a failed program said


@dataclass(frozen=True)
class Usage:
    """One run of a program.

    Attributes:
        wall: seconds from its start to its end.
        cpu: seconds of processor time, its own and that of the children it waited for.
        peak: MiB of its largest process.
        code: its exit code.
        stdout: what it printed.
        stderr: and there.
    """

    wall: float
    cpu: float
    peak: float
    code: int
    stdout: str
    stderr: str

    def expect(self, *, ok: bool, what: str) -> Usage:
        """Return itself, if the run was what is to be measured.

        Raises:
            RuntimeError: it was not; with the end of what was printed.
        """
        if ok:
            return self
        said = (self.stdout + self.stderr)[-_END:]
        raise RuntimeError(f"{what}: exit code {self.code}:\n{said}")


@dataclass(frozen=True)
class Median:
    """Several runs of one program, each number the median of its own."""

    wall: float
    cpu: float
    peak: float
    walls: tuple[float, ...]
    cpus: tuple[float, ...]


def run(
    argv: Sequence[object],
    *,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    within: float = WITHIN,
) -> Usage:
    """Run a program to its end, alone in a process group of its own; `argv` as text."""
    given = {**os.environ, **(env or {}), BEGAN: str(time.monotonic())}
    given.pop("PYTHONDONTWRITEBYTECODE", None)  # else each run compiles what it imports
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        started = subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL, stdout=out, stderr=err, cwd=cwd, env=given,
            start_new_session=True,
        )  # fmt: skip
        status, used = _waited(started, within)
        wall = time.monotonic() - began
        printed = [_text(each.fileno()) for each in (out, err)]
    return usage(wall, used, os.waitstatus_to_exitcode(status), *printed)


def usage(
    wall: float, used: resource.struct_rusage, code: int, stdout: str = "", stderr: str = ""
) -> Usage:
    """Return a run in our units; the kernel counts memory in KiB. Pure."""
    return Usage(wall, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024, code, stdout, stderr)


def _waited(started: subprocess.Popen[bytes], within: float) -> tuple[int, resource.struct_rusage]:
    timer = threading.Timer(within, _end, [started.pid])
    timer.start()
    try:
        # subprocess does not tell what a child has used.
        _, status, used = os.wait4(started.pid, 0)
    except BaseException:  # Ctrl-C does not reach a group of its own
        _end(started.pid)
        started.wait()
        raise
    finally:
        timer.cancel()
    started.returncode = os.waitstatus_to_exitcode(status)
    return status, used


def _end(pid: int) -> None:
    with suppress(ProcessLookupError):  # it has just ended
        os.killpg(pid, signal.SIGKILL)


def _text(descriptor: int) -> str:
    os.lseek(descriptor, 0, os.SEEK_SET)
    with os.fdopen(os.dup(descriptor), "rb") as file:
        return file.read().decode(errors="replace")


def median(runs: Sequence[Usage]) -> Median:
    """Return the medians of several runs. Pure."""
    return Median(
        wall=statistics.median(each.wall for each in runs),
        cpu=statistics.median(each.cpu for each in runs),
        peak=statistics.median(each.peak for each in runs),
        walls=tuple(round(each.wall, 3) for each in runs),
        cpus=tuple(round(each.cpu, 3) for each in runs),
    )


def ratio(theirs: Sequence[float], ours: Sequence[float]) -> float:
    """Return how many times as much theirs is: the median of the turns. Pure.

    Both of a turn met the same noise, so that their ratio says more than that of the medians.

    Raises:
        ValueError: ours is nothing in one of them, so nothing was measured.
    """
    if min(ours) <= 0:
        raise ValueError(f"{min(ours)} s were measured: no ratio to that")
    return statistics.median(their / our for their, our in zip(theirs, ours, strict=True))


def interleaved(works: Mapping[str, Callable[[], Usage]], times: int = TIMES) -> dict[str, Median]:
    """Return the medians of several programs, run in turns so that noise meets all of them."""
    runs: dict[str, list[Usage]] = {name: [] for name in works}
    for turn in range(times):
        for name, work in works.items():
            found = work()
            runs[name].append(found)
            tell(f"  {name}, {turn + 1} of {times}: {found.wall:.2f} s, {found.cpu:.2f} s of CPU")
    return {name: median(each) for name, each in runs.items()}


def tell(sentence: str) -> None:
    """Say what is going on."""
    sys.stderr.write(f"{sentence}\n")
    sys.stderr.flush()
