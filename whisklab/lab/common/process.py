"""Processes by number and start time: a number given out again is another process."""

from __future__ import annotations

import os
import select
import signal
import sys
from dataclasses import dataclass
from pathlib import Path

from whisklab.lab.common.run import run

_STATE = 0  # fields of /proc/<pid>/stat after the name in parentheses (proc(5))
_PARENT = 1
_START = 19


@dataclass(frozen=True)
class Process:
    """A process that was started: its number and its start time in clock ticks since boot."""

    pid: int
    start: int


def _fields(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def identify(pid: int) -> Process:
    """The identity of a running process (of a child, that is: it cannot have gone)."""
    fields = _fields(pid)
    if fields is None:
        raise ProcessLookupError(pid)
    return Process(pid, int(fields[_START]))


def alive(process: Process | None) -> bool:
    """Whether exactly this process still runs (a zombie does not)."""
    if process is None:
        return False
    fields = _fields(process.pid)
    return (
        fields is not None and int(fields[_START]) == process.start and fields[_STATE] not in "ZX"
    )


def has_child(process: Process | None) -> bool:
    """Whether this process runs and has started another one that still runs."""
    if process is None or not alive(process):
        return False
    numbers = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit())
    everyone = (_fields(number) for number in numbers)
    return any(
        fields and int(fields[_PARENT]) == process.pid and fields[_STATE] not in "ZX"
        for fields in everyone
    )


def end(process: Process, seconds: float) -> bool:
    """Kill exactly this process and wait up to `seconds`; whether it is gone."""
    return signal_and_wait(process, signal.SIGKILL, seconds)


def signal_and_wait(process: Process, number: signal.Signals | None, seconds: float) -> bool:
    """Signal exactly this process (or only wait for it); whether it is gone after `seconds`."""
    try:
        handle = os.pidfd_open(process.pid)
    except ProcessLookupError:
        return True
    try:
        if not alive(process):
            return True
        if number is not None:
            signal.pidfd_send_signal(handle, number)
        return _gone(handle, seconds)
    except ProcessLookupError:
        return True
    finally:
        os.close(handle)


def _gone(handle: int, wait: float) -> bool:
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    return bool(poll.poll(wait * 1000))


def boot_id() -> str:
    """What names this boot of the machine: after a reboot, no process of before is there."""
    if sys.platform == "darwin":
        return run(["sysctl", "-n", "kern.bootsessionuuid"]).strip()
    return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
