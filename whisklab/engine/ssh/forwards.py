"""Ports on the laptop that lead into an environment, through the SSH connection of one machine."""

from __future__ import annotations

import errno
import ipaddress
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Annotated, ClassVar

import gevent
from gevent import socket as cooperative
from gevent.event import Event
from gevent.server import StreamServer
from pydantic import AfterValidator
from pyinfra.api.host import Host

from whisklab.engine.data.settings import Settings
from whisklab.engine.ssh.connector import WhiskSSH
from whisklab.engine.ssh.tunnels import join, open_channel
from whisklab.errors import BadInput, WhisklabError

Report = Callable[[str], None]
Listener = cooperative.socket
Handler = Callable[[cooperative.socket, object], None]

LOOPBACK = "127.0.0.1"
POLL = 0.5
_SPEC = re.compile(r"((?P<local>\d+):)?(?P<host>\[[0-9A-Fa-f:.]+\]|[^:\[\]\s]+):(?P<port>\d+)")
_PORTS = range(1, 65536)


@dataclass(frozen=True)
class Forward:
    """A port to open.

    Attributes:
        name: how people call it.
        host: address or name, as the machine at the other end of the SSH connection sees it.
        port: there.
        local: on the laptop; 0 for a free one.
    """

    name: str
    host: str
    port: int
    local: int = 0

    @property
    def target(self) -> str:
        """Where it leads to."""
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse(name: str, spec: str) -> Forward:
    """Return the forward that `[LOCAL:]HOST:PORT` describes. Pure.

    Raises:
        ValueError: it is not of that form; one sentence.
    """
    found = _SPEC.fullmatch(spec)
    ports = [int(found[group] or 1) for group in ("local", "port")] if found else []
    if not name or not found or not all(port in _PORTS for port in ports):
        raise ValueError("expected [LOCAL:]HOST:PORT such as 10.0.0.14:5000 or 5000:10.0.0.14:5000")
    host = found["host"]
    if host.startswith("["):
        host = str(ipaddress.ip_address(host[1:-1]))
    return Forward(name, host, int(found["port"]), int(found["local"] or 0))


def _forwards(value: dict[str, str]) -> dict[str, str]:
    for name, spec in value.items():
        parse(name, spec)
    return value


class ForwardSettings(Settings):
    """`whisklab forward`: further ports on the laptop.

    Attributes:
        forwards: "[LOCAL:]HOST:PORT" by name, as the first master sees it, such as
            {"registry": "5000:10.0.0.14:5000"}.
    """

    prefix: ClassVar[str] = ""

    forwards: Annotated[dict[str, str], AfterValidator(_forwards)] = {}


def chosen(
    defaults: Sequence[Forward], data: ForwardSettings, given: Sequence[str]
) -> list[Forward]:
    """Return what to open: defaults, those of the data, those given; a later one of a name wins.

    Args:
        defaults: always there.
        data: of the environment.
        given: `NAME=[LOCAL:]HOST:PORT`, as on the command line.

    Raises:
        BadInput: one that is not of that form.
    """
    found = {each.name: each for each in defaults}
    found |= {name: parse(name, spec) for name, spec in data.forwards.items()}
    for each in given:
        name, _, spec = each.partition("=")
        try:
            found[name] = parse(name, spec)
        except ValueError as error:
            raise BadInput(f"--port {each}: NAME=, then {error}") from None
    return list(found.values())


@contextmanager
def listening(forwards: Sequence[Forward]) -> Iterator[list[tuple[Forward, Listener]]]:
    """Listen on the loopback address for each forward; nobody is answered yet.

    Raises:
        WhisklabError: a port is taken.
    """
    opened: list[tuple[Forward, Listener]] = []
    try:
        opened += ((forward, _listen(forward)) for forward in forwards)
        yield opened
    finally:
        for _, listener in opened:
            listener.close()


def _listen(forward: Forward) -> Listener:
    listener = cooperative.socket()
    listener.setsockopt(cooperative.SOL_SOCKET, cooperative.SO_REUSEADDR, 1)
    try:
        listener.bind((LOOPBACK, forward.local))
        listener.listen()
    except OSError as error:
        listener.close()
        taken = error.errno == errno.EADDRINUSE
        why = "is taken" if taken else f"cannot be opened ({error.strerror})"
        raise WhisklabError(
            f"{forward.name}: port {forward.local} of {LOOPBACK} {why}: name another one with "
            f"--port {forward.name}=LOCAL:{forward.target}, or none for a free one"
        ) from error
    return listener


def serve(
    host: Host, opened: Sequence[tuple[Forward, Listener]], stop: Event, report: Report
) -> None:
    """Lead all that connects through the SSH connection of `host`, until `stop` is set.

    Raises:
        WhisklabError: the SSH connection was lost.
    """
    connector = host.connector
    if not isinstance(connector, WhiskSSH):
        raise WhisklabError(f"{host.name} is not reached over SSH, so nothing can be forwarded")
    transport = connector.transport
    servers = [
        StreamServer(listener, _handler(host, forward, report)) for forward, listener in opened
    ]
    for server in servers:
        server.start()
    try:
        while not stop.wait(POLL):
            if not transport.is_active():
                raise WhisklabError(
                    f"the SSH connection to {host.name} is lost: run `whisklab forward` again "
                    "when the machine answers"
                )
    finally:
        for server in servers:
            server.stop(timeout=0)


def _handler(host: Host, forward: Forward, report: Report) -> Handler:
    def handle(client: cooperative.socket, _: object) -> None:
        try:
            channel = open_channel(host, forward.host, forward.port)
        except WhisklabError as error:
            report(f"{forward.name}: {error}")
            return  # the server closes the client's connection, the others go on
        gevent.joinall(join(client, channel))

    return handle
