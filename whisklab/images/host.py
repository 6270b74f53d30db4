"""The registry's machine, over SSH: its free space, the lock of pushes, garbage collection."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import gevent
import paramiko
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host

from whisklab.engine import limits
from whisklab.engine.scripts import script
from whisklab.engine.ssh import alive, locks
from whisklab.engine.ssh.connector import WhiskSSH
from whisklab.engine.ssh.remote import run_quietly
from whisklab.errors import WhisklabError
from whisklab.images import collecting
from whisklab.images.collecting import Going, Program

MB = 1_000_000
_WAITING = "waiting"
MARGIN = 16 * MB  # of manifests and links, and for whoever else writes there
# Shared by pushes; its holder ends with the connection, or when the laptop is silent.
_SHARE = """
umask 077; mkdir -p "$1"; exec 9>>"$1/registry.lock"
if flock -s -n 9 || { echo waiting; flock -s -w "$3" 9; }; then
  printf "%s\\n" "$2" > "$1/registry.pusher"
  echo held
  while test -n "$(timeout "$4" head -c 1)"; do :; done
fi
"""
# What the registry's own user can write, which is less than what root can.
_FREE = 'stat -f -c "%a %S" "$1"'


def require_room(host: Host, path: str, needed: int) -> None:
    """Do nothing if a file system has room.

    Args:
        host: the registry's machine.
        path: of its images.
        needed: bytes.

    Raises:
        WhisklabError: it has not.
    """
    blocks, size = run_quietly(host, script(_FREE, path)).split()
    free = int(blocks) * int(size)
    if needed and needed + MARGIN > free:
        raise WhisklabError(
            f"{host.name}: {path}: {(needed + MARGIN) / MB:.0f} MB are needed, and "
            f"{free / MB:.0f} MB are free there: make room, such as by `whisklab images gc`"
        )


def share(directory: str = locks.DIRECTORY) -> StringCommand:
    """Return the command that holds the lock of pushes while it gets a BEAT now and then.

    It prints HELD, or nothing when garbage collection takes too long; "waiting" before if need be.
    """
    within, silent = str(limits.LOCK_WITHIN), str(limits.RUN_SILENT)
    return script(_SHARE, directory, locks.holder(), within, silent)


@contextmanager
def sharing(host: Host, report: Callable[[str], None]) -> Iterator[None]:
    """Hold off garbage collection for a while; others may push, too.

    Args:
        host: the registry's machine.
        report: hears when it has to wait.

    Raises:
        WhisklabError: it goes on for too long; or the lock was lost meanwhile.
    """
    connector = _connector(host)
    channel = connector.open(share())
    with channel.makefile("r") as answer:
        said = answer.readline().strip()
        if said == _WAITING:
            report(f"{host.name}: waiting for garbage collection of the registry")
            said = answer.readline().strip()
    if said != locks.HELD:
        channel.close()
        raise WhisklabError(
            f"{host.name}: after {limits.LOCK_WITHIN} s garbage collection of the registry still "
            f"runs: see `systemctl status {collecting.UNIT}` there, and run again"
        )
    beats = gevent.spawn(_beat, channel)
    try:
        yield
        if channel.closed or channel.exit_status_ready():
            raise WhisklabError(
                f"{host.name}: the lock against garbage collection was lost on the way: run again"
            )
    finally:
        beats.kill()
        channel.close()


def _beat(channel: paramiko.Channel) -> None:
    with suppress(*alive.FAILURES):
        while True:
            channel.sendall(locks.BEAT)
            gevent.sleep(alive.BEAT)


def going(host: Host, program: Program) -> Going:
    """Return what garbage collection would take now; nothing is changed.

    Raises:
        WhisklabError: the program fails there.
    """
    return collecting.parsed(run_quietly(host, collecting.look(program)))


def collect(host: Host, program: Program, told: Going, answers: Callable[[], None]) -> None:
    """Collect garbage, and have the service that takes images running again.

    Args:
        host: the registry's machine.
        program: there.
        told: what may go.
        answers: does nothing if the service answers.

    Raises:
        Busy: a deploy is at work there.
        WhisklabError: pushes are under way, something else would go, or it fails.
    """
    connector = _connector(host)
    connector.run_lock.take()
    file = f"{program.locks}/registry.told.{secrets.token_hex(4)}"
    _require_done(host, connector.exchange(collecting.keep(program, file), told.lines.encode()))
    with locks.changing():
        done = connector.exchange(collecting.collect(program, file), b"")
    said = run_quietly(host, collecting.answer(program, file)).strip()
    kind, _, rest = said.partition(" ")
    if kind == collecting.BUSY:
        raise WhisklabError(
            f"{host.name}: after {limits.LOCK_WITHIN} s somebody still pushes images "
            f"({rest or 'nobody says who'}): nothing was removed; run again when that is done"
        )
    if kind == collecting.CHANGED:
        raise WhisklabError(
            f"{host.name}: more would go than was shown, since the registry has changed "
            "meanwhile: nothing was removed; run again"
        )
    _require_done(host, done)
    answers()


def _require_done(host: Host, done: tuple[int, str, str]) -> None:
    code, _, stderr = done
    if code:
        said = stderr.strip().splitlines() or [f"exit code {code}"]
        raise WhisklabError(
            f"{host.name}: garbage collection has failed: {said[-1]}: see `journalctl -u "
            f"{collecting.UNIT}` there; the service that takes images is started again"
        )


def _connector(host: Host) -> WhiskSSH:
    if not isinstance(host.connector, WhiskSSH):
        raise WhisklabError(f"{host.name} is not reached over SSH, so nothing can be done there")
    return host.connector
