"""Run the whisklab command, note each command it gives a host, and be killed at a chosen one.

    python -m tests.e2e.killed.driver NOTES POINT VERB ENVIRONMENT ...

NOTES is a file that gets one line of JSON for each command. POINT is `host:number`: that host's
command of this number is started there and gets half of a file that it is to read on its stdin, or
all of what is no file (Helm's chart, which is worked with for long), then this process is killed.
What the host has begun goes on without us. "" lets the run alone, "-" also lets it ask hosts ahead.

Commands are counted for each host by itself, because only there is their order always the same;
one that was given before, word for word, is a poll and not counted. What changes the cluster
through the Kubernetes API counts as a command of the host whose API it is. All requests to that are
in NOTES.requests, a line each: the method, and the path.
"""

from __future__ import annotations

import pyinfra_cli  # noqa: F401  # isort: skip  first: it patches the standard library for gevent

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import paramiko
from pyinfra.api.host import Host

from whisklab.cli import main
from whisklab.engine.facts import memory
from whisklab.engine.kubernetes import kube
from whisklab.engine.ssh import locks, patience
from whisklab.engine.ssh.connector import WhiskSSH
from whisklab.engine.ssh.shell import Shell


@dataclass
class Command:
    """A command that a host is given.

    Attributes:
        host: its name.
        reads: how many bytes it is to read on its stdin.
        gets: how many of them it gets before the end.
        changes: whether it may change the host.
        text: what it is.
        number: which of its host's commands it is, from 1.
    """

    host: str
    reads: int = 0
    gets: int = 0
    changes: bool = False
    text: str = ""
    number: int = 0


@dataclass
class Driver:
    """Notes commands in a file, and kills this process at the point.

    Attributes:
        last_words: a channel's id to how many bytes may still be sent on it.
    """

    notes: Path
    point: str
    given: dict[str, set[str]] = field(default_factory=dict)
    last_words: dict[int, int] = field(default_factory=dict)

    def note(self, command: Command) -> bool:
        """Note the command; tell whether it is the one at the point."""
        given = self.given.setdefault(command.host, set())
        if command.text in given:
            return False
        given.add(command.text)
        command.number = len(given)
        with self.notes.open("a") as file:
            file.write(json.dumps(asdict(command)) + "\n")
        return f"{command.host}:{command.number}" == self.point

    @staticmethod
    def end() -> None:
        """Be killed, as from outside: nothing is flushed, closed or told."""
        os.kill(os.getpid(), signal.SIGKILL)


def _put(owner: Any, **functions: Any) -> None:
    for name, function in functions.items():
        setattr(owner, name, function)


_current: ContextVar[Command] = ContextVar("current")
_sent: ContextVar[tuple[int, int]] = ContextVar("sent", default=(0, 0))


@contextmanager
def sending(size: int, gets: int) -> Iterator[None]:
    """Say of the next command what it reads, and what it gets of that."""
    token = _sent.set((size, gets))
    try:
        yield
    finally:
        _sent.reset(token)


def know_nothing() -> None:
    """Know of no earlier run: then commands have the same numbers as those of the first one."""
    _put(memory, _rows=lambda _path: [])


def tell_nothing() -> None:
    """Ask no host how far something is: on a busy machine that would be a command more."""
    _put(patience, TOLD_EVERY=3600.0)


def watch_connector() -> None:
    """Know which host a channel's command is for, and how much it will read."""
    run, stream = WhiskSSH.run_shell_command, WhiskSSH.stream
    exchange, start = WhiskSSH.exchange, WhiskSSH.open

    def run_shell_command(self: WhiskSSH, *args: Any, **arguments: Any) -> Any:
        lines = arguments.get("_stdin") or []
        texts = [lines] if isinstance(lines, str) else lines
        reads = sum(len(text.encode()) + (not text.endswith("\n")) for text in texts)
        _current.set(Command(self.host.name, reads, reads // 2, locks.is_changing()))
        return run(self, *args, **arguments)

    def upload(self: WhiskSSH, command: Any, source: Path) -> Any:
        size = source.stat().st_size
        with sending(size, size // 2), locks.changing():
            return stream(self, command, source)

    def talk(self: WhiskSSH, command: Any, data: bytes) -> Any:
        with sending(len(data), len(data)):
            return exchange(self, command, data)

    def start_command(self: WhiskSSH, command: Any) -> Any:
        _current.set(Command(self.host.name, *_sent.get(), locks.is_changing()))
        return start(self, command)

    _put(WhiskSSH, run_shell_command=run_shell_command, stream=upload, exchange=talk)
    _put(WhiskSSH, open=start_command)


def watch_channels(driver: Driver) -> None:
    """Note each command as it is started, and end in the middle of the chosen one."""
    execute, send = paramiko.Channel.exec_command, paramiko.Channel.send
    begin = Shell.begin

    @contextmanager
    def started(text: str, channel: paramiko.Channel) -> Iterator[None]:
        command = _current.get(None)
        if command is None:  # a login
            yield
            return
        command.text = text
        here = driver.note(command)
        yield
        if here and command.gets:
            driver.last_words[id(channel)] = command.gets
        elif here:
            driver.end()

    def exec_command(self: paramiko.Channel, text: str) -> None:
        with started(text, self):
            execute(self, text)  # returns when the host has started it

    def begin_command(self: Shell, line: str, size: int) -> None:
        with started(line, self._channel):
            begin(self, line, size)

    def send_some(self: paramiko.Channel, data: bytes) -> int:
        left = driver.last_words.get(id(self))
        if left is None:
            return send(self, data)
        sent = send(self, data[:left]) if left else 0
        driver.last_words[id(self)] = left - sent
        if left == sent:
            driver.end()
        return sent

    _put(paramiko.Channel, exec_command=exec_command)
    _put(Shell, begin=begin_command)
    _put(paramiko.Channel, send=send_some)


def watch_api(driver: Driver) -> None:
    """Note each change through the Kubernetes API, and end when the chosen one was answered."""
    stock: Callable[..., Any] = kube.request

    def request(
        server: Host, api: kube.Endpoint, method: str, path: str, body: object = None, **how: Any
    ) -> Any:
        changes = method != "GET" and "dryRun=" not in path
        here = changes and driver.note(
            Command(server.name, changes=True, text=f"{method} {path} {body}")
        )
        answer = stock(server, api, method, path, body, **how)
        if here:
            driver.end()
        return answer

    exchange: Callable[..., Any] = kube._exchange
    requests = driver.notes.with_suffix(".requests")

    def noted(server: Host, pool: object, method: str, url: str, **how: Any) -> Any:
        with requests.open("a") as file:
            file.write(f"{method} /{url.split('/', 3)[3]}\n")
        return exchange(server, pool, method, url, **how)

    _put(kube, request=request, _exchange=noted)


if __name__ == "__main__":
    notes, point, *arguments = sys.argv[1:]
    chosen = Driver(Path(notes), point)
    tell_nothing()
    if point != "-":
        know_nothing()
    watch_connector()
    watch_channels(chosen)
    watch_api(chosen)
    sys.exit(main.run(arguments))
