"""Ports of the machine's loopback that lead into a lab: the process behind one host's ports.

Started with sockets that already listen in the machine's network namespace, and within the lab's
namespace: a socket stays in the namespace it was made in, so it accepts there and dials here.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

Handler = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]

_NOBODY = 65534
_CHUNK = 1 << 16
_DIAL_TIMEOUT = 5.0


@dataclass(frozen=True)
class Forward:
    """A listening socket (its descriptor) and where its connections go."""

    fd: int
    address: str
    port: int

    def __str__(self) -> str:
        """Write it as an argument of this program."""
        return f"{self.fd}={self.address}:{self.port}"


def parse(word: str) -> Forward:
    """Read a forward as `str()` writes it."""
    fd, _, target = word.partition("=")
    address, _, port = target.rpartition(":")
    return Forward(int(fd), address, int(port))


def listen(preferred: int | None = None) -> socket.socket:
    """A listening socket on 127.0.0.1: on the preferred port if it is free, else on any."""
    for port in (preferred, 0) if preferred else (0,):
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port or 0))
            listener.listen(128)
        except OSError:
            listener.close()
            if not port:
                raise
        else:
            return listener
    raise AssertionError


async def serve(forwards: list[Forward]) -> None:
    """Forward connections until cancelled."""
    servers = [
        await asyncio.start_server(_handler(forward), sock=socket.socket(fileno=forward.fd))
        for forward in forwards
    ]
    await asyncio.gather(*(server.serve_forever() for server in servers))


def _handler(forward: Forward) -> Handler:
    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(_DIAL_TIMEOUT):
                there = await asyncio.open_connection(forward.address, forward.port)
        except (OSError, TimeoutError):
            writer.transport.abort()
            return
        await asyncio.gather(_copy(reader, there[1]), _copy(there[0], writer))
        for end in (writer, there[1]):
            end.close()

    return handle


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy one direction; its end is passed on, the other direction may go on (half-close)."""
    try:
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()
    except OSError:
        writer.transport.abort()


def _drop_root() -> None:
    if os.geteuid() == 0:
        os.setgroups([])
        os.setresgid(_NOBODY, _NOBODY, _NOBODY)
        os.setresuid(_NOBODY, _NOBODY, _NOBODY)


async def _main(words: list[str]) -> None:
    _drop_root()
    await serve([parse(word) for word in words])


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1:]))
