"""A connection whose other end is silent is closed; one that gives any sign of life is not."""

from __future__ import annotations

import subprocess
import sys
from typing import Any, cast

import gevent
import paramiko
import pytest

from whisklab.engine.ssh import alive


class Packetizer:
    """Gives a packet whenever one is asked for."""

    def read_message(self) -> tuple[int, None]:
        return 80, None


class Transport:
    """As far as the watch sees one: `answers` to a question or fails on it."""

    def __init__(self, *, answers: bool) -> None:
        self.packetizer = Packetizer()
        self.answers = answers
        self.open = True
        self.asked = 0

    def is_active(self) -> bool:
        return self.open

    def close(self) -> None:
        self.open = False

    def global_request(self, _: str) -> None:
        self.asked += 1
        if not self.answers:
            raise EOFError
        self.packetizer.read_message()


@pytest.fixture(autouse=True)
def fast(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alive, "BEAT", 0.001)


def watch(transport: Transport, beat: Any = lambda: None) -> None:
    alive.watch(cast("paramiko.Transport", transport), beat)


def until(condition: Any) -> None:
    with gevent.Timeout(10):
        while not condition():
            gevent.sleep(0.001)


def test_silence_closes_it_and_not_too_soon() -> None:
    beats: list[int] = []
    transport = Transport(answers=False)
    watch(transport, lambda: beats.append(1))
    until(lambda: not transport.open)
    assert transport.asked == alive.SILENT_BEATS
    assert len(beats) == alive.SILENT_BEATS - 1


def test_answers_keep_it_open() -> None:
    transport = Transport(answers=True)
    watch(transport)
    until(lambda: transport.asked > 3 * alive.SILENT_BEATS)
    assert transport.open
    transport.close()


def test_any_packet_is_a_sign_of_life() -> None:
    transport = Transport(answers=False)

    def upload() -> None:
        transport.packetizer.read_message()

    watch(transport, upload)
    until(lambda: transport.asked > 3 * alive.SILENT_BEATS)
    assert transport.open
    transport.close()


def test_a_beat_that_fails_or_blocks_does_not_end_the_watch() -> None:
    transport = Transport(answers=False)

    def beat() -> None:
        gevent.sleep(0.001)
        raise OSError("broken pipe")

    watch(transport, beat)
    until(lambda: not transport.open)


@pytest.mark.parametrize(
    ("state", "sentence"),
    [
        ("stopping", "a is shutting down: run again when it is up"),
        ("", "a is shutting down, or its systemd does not answer: run again when it is up"),
        ("offline", "a is shutting down, or its systemd does not answer: run again when it is up"),
    ],
)
def test_a_host_that_leaves_is_named(state: str, sentence: str) -> None:
    assert str(alive.Leaving("a", state)) == sentence
    assert state not in alive.STAYS


_SILENT = """
from whisklab.engine.run.start import run
import socket, threading, paramiko
ours, theirs = socket.socketpair()
transport = paramiko.Transport(ours)
transport.start_client(event=threading.Event())
theirs.sendall(b"SSH-2.0-silent\\r\\n")
while b"SSH-2.0" not in theirs.recv(4096):
    pass
transport.sock.settimeout(None)  # as our connector has it
threading.Event().wait(0.5)
assert transport.is_alive()
transport.close()
transport.join(10)
assert not transport.is_alive()
"""


def test_to_close_a_connection_ends_its_thread_which_nothing_else_wakes() -> None:
    done = subprocess.run(
        [sys.executable, "-c", _SILENT], capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stderr) == (0, "")
