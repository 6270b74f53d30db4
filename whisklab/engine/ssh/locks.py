"""Locks on a host: one run at a time, and a new run waits for what a killed one left running.

Two locks, both in /run, so a restart of the host clears them:
- `run.lock` is held by a process at the other end of the SSH connection for as long as the run
  lives; when the run ends, or the laptop is silent (no power, another network), that process
  ends. A second run is told who holds it.
- `change.lock` is held by each changing command while it runs, also when the run that started it
  was killed. The next run waits for it before it looks at anything that it may change.
"""

from __future__ import annotations

import getpass
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar

import paramiko
from pyinfra.api.command import QuoteString, StringCommand

from whisklab.engine import limits
from whisklab.engine.progress import tell
from whisklab.engine.scripts import script
from whisklab.errors import WhisklabError

DIRECTORY = "/run/whisklab"
HELD = "held"
WAITING = "waiting for "  # begins the line on what it waits for
TOLD_EVERY = 30.0  # seconds
BUSY = 75  # EX_TEMPFAIL of sysexits.h
BEAT = b"."  # what a run sends every few seconds as long as it lives
ANSWER_BYTES = 4096

# As few programs as can be: a machine that is emulated takes 10 ms to start one.
_HOLD = """
umask 077; test -d "$1" || mkdir -p "$1"; exec 9>>"$1/run.lock"
if flock -n 9; then
  before=; test ! -s "$1/run.before" || read -r before < "$1/run.before"
  printf "%s\\n" "$2" > "$1/run.holder"
  exec 8>>"$1/change.lock"
  if flock -n 8 || {
    echo "waiting for a command of ${before:-another run}"
    flock -w "$4" 8
  }; then
    exec 8>&-
    echo held
    while test -n "$(timeout "$3" head -c 1)"; do :; done
  else
    echo "what it had begun still runs after $4 s"
  fi
  mv -f "$1/run.holder" "$1/run.before"
else
  cat "$1/run.holder"
fi
"""
_CHANGE = """
mkdir -p "$1"; flock -o -w "$2" -E "$3" "$1/change.lock" sh -c "$4"; code=$?
if test "$code" = "$3"; then
  echo "after $2 s another command is still changing this host: see what runs there" >&2
fi
exit "$code"
"""

_changing: ContextVar[bool] = ContextVar("changing", default=False)


def changing() -> AbstractContextManager[None]:
    """Mark the commands of this context as changing; the connector puts them under the lock."""
    return _marked(changing=True)


def looking() -> AbstractContextManager[None]:
    """Mark the commands of this context as looks, whatever goes on around them."""
    return _marked(changing=False)


@contextmanager
def _marked(*, changing: bool) -> Iterator[None]:
    token = _changing.set(changing)
    try:
        yield
    finally:
        _changing.reset(token)


def is_changing() -> bool:
    """Tell whether a command that is sent now is one that changes the host."""
    return _changing.get()


def holder() -> str:
    """Return who holds the locks of this run, for whoever meets them."""
    since = time.strftime("%H:%M:%S %Z")
    return f"{getpass.getuser()}@{socket.gethostname()}, process {os.getpid()}, since {since}"


def hold_command() -> StringCommand:
    """Return the command that holds the run lock while it gets a BEAT on stdin now and then.

    It prints HELD when no command of an earlier run is at work any more, and before that, if it
    has to wait for one, a line that begins with WAITING; or else who holds the lock.
    """
    return script(_HOLD, DIRECTORY, holder(), str(limits.RUN_SILENT), str(limits.LOCK_WITHIN))


class Busy(WhisklabError):
    """Another run holds the run lock of a host."""


class RunLock:
    """The run lock of one host, as this run has it.

    Args:
        host: its name.
        start: starts a command as root there and returns its channel.
    """

    def __init__(self, host: str, start: Callable[[StringCommand], paramiko.Channel]) -> None:
        self._host, self._start = host, start
        self._channel: paramiko.Channel | None = None

    @property
    def lost(self) -> bool:
        """Whether it was held and is not any more."""
        return self._channel is not None and self._channel.closed

    def take(self) -> bool:
        """Have it until this process ends; returns False when it is had already.

        Raises:
            Busy: somebody else has it, or the connection ended.
        """
        if self._channel is not None and not self._channel.closed:
            return False
        channel = self._start(hold_command())
        answer = self._awaited(channel)
        if answer != HELD:
            channel.close()
            raise Busy(
                f"another run is changing {self._host}: {answer or 'it does not say who'}: "
                "wait for it, or end it"
            )
        self._channel = channel
        return True

    def beat(self) -> None:
        """Say that this run lives."""
        if self._channel is not None and not self._channel.closed:
            self._channel.sendall(BEAT)

    def _awaited(self, channel: paramiko.Channel) -> str:
        """Return what the lock's command says, after telling now and then what it waits for."""
        began, waits, answer = time.monotonic(), "", ""
        channel.settimeout(TOLD_EVERY)
        while not answer:
            try:
                said = channel.recv(ANSWER_BYTES).decode(errors="replace").splitlines()
            except TimeoutError:
                said = [waits]
            else:
                if not said:
                    break
            waits = next((line for line in said if line.startswith(WAITING)), "")
            answer = next((line for line in said if line and line != waits), "")
            if waits and not answer:
                tell(f"{self._host}: {waits} ({time.monotonic() - began:.0f} s)")
        channel.settimeout(None)
        return answer


def under_change_lock(command: StringCommand) -> StringCommand:
    """Return `command` so that it waits for, and holds, the lock of changing commands."""
    quoted = (QuoteString(each) for each in (DIRECTORY, str(limits.LOCK_WITHIN), str(BUSY)))
    return StringCommand(
        "sh", "-c", QuoteString(_CHANGE), "whisklab", *quoted, QuoteString(command)
    )
