"""Whether the other end of an SSH connection is still there.

A cut link and a machine without power say nothing, so what waits for a command would wait for
ever. TCP's own probes are of no help where TCP ends nearby, as behind a jump host or a forwarded
port; so sshd itself is asked, as OpenSSH does with ServerAliveInterval.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

import gevent
import paramiko
from pyinfra.api.command import StringCommand

from whisklab.errors import WhisklabError

BEAT = 5.0  # seconds
SILENT_BEATS = 9  # 45 s, as OpenSSH's usual 3 x 15 s
QUESTION = "keepalive@openssh.com"  # sshd knows no such request and says so: an answer
FAILURES = (OSError, EOFError, paramiko.SSHException)  # of an SSH connection


class Lost(WhisklabError):
    """The SSH connection to a host is gone."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"the SSH connection to {host} is lost: see whether the machine runs and can be "
            "reached, then run again"
        )


class Leaving(WhisklabError):
    """A host is shutting down, perhaps to start again."""

    def __init__(self, host: str, state: str) -> None:
        doubt = "" if state == STOPPING else ", or its systemd does not answer"
        super().__init__(f"{host} is shutting down{doubt}: run again when it is up")


# What systemd says of itself (systemctl(1), is-system-running); in the end it answers nobody.
STATE = StringCommand("systemctl", "is-system-running")
STOPPING = "stopping"
STAYS = {"initializing", "starting", "running", "degraded", "maintenance"}


def watch(transport: paramiko.Transport, beat: Callable[[], None]) -> None:
    """Close `transport` when its other end is silent for too long; returns at once.

    Beats are counted, not seconds, so nothing is lost by a laptop that slept or was busy.

    Args:
        transport: its end wakes all that waits for it.
        beat: is called at each beat.
    """
    heard = _Heard(transport)
    gevent.spawn(_watch, transport, heard, beat)


class _Heard:
    """Counts the packets that come: an upload's confirmations are signs of life too."""

    def __init__(self, transport: paramiko.Transport) -> None:
        self.packets = 0
        self._read = transport.packetizer.read_message
        transport.packetizer.read_message = self._read_message  # type: ignore[method-assign]

    def _read_message(self) -> tuple[int, paramiko.Message]:
        message = self._read()
        self.packets += 1
        return message


def _watch(transport: paramiko.Transport, heard: _Heard, beat: Callable[[], None]) -> None:
    question: gevent.Greenlet[..., object] | None = None
    silent = 0
    while transport.is_active():
        if question is None or question.ready():
            question = gevent.spawn(_quietly, lambda: transport.global_request(QUESTION))
        before = heard.packets
        gevent.sleep(BEAT)
        silent = 0 if heard.packets > before else silent + 1
        if silent >= SILENT_BEATS:
            transport.close()
        else:
            gevent.spawn(_quietly, beat)


def _quietly(send: Callable[[], object]) -> None:
    # Sending blocks on a dead link, so it is done in a greenlet of its own.
    with suppress(*FAILURES):
        send()
