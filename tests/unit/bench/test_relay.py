"""The relay of the bench: each byte arrives, later."""

from __future__ import annotations

import asyncio
import time

from tests.bench import relay

DELAY = 0.05


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1000):
        writer.write(data)
        await writer.drain()
    writer.close()


async def _asked(sent: bytes) -> tuple[bytes, float]:
    server = await asyncio.start_server(_echo, relay.THERE, 0)
    port = server.sockets[0].getsockname()[1]
    relayed = await relay.Relay(DELAY).serve(port)
    began = time.monotonic()
    reader, writer = await asyncio.open_connection(relay.HERE, port)
    writer.write(sent)
    writer.write_eof()
    found = await reader.read()
    seconds = time.monotonic() - began
    writer.close()
    relayed.close()
    server.close()
    return found, seconds


def test_each_byte_arrives_after_the_handshake_and_a_way_back() -> None:
    sent = bytes(range(256)) * 1000
    found, seconds = asyncio.run(_asked(sent))
    assert found == sent
    assert seconds >= 4 * DELAY  # no clock of a test machine makes it less


def test_a_connection_that_nobody_takes_ends() -> None:
    async def ended() -> bytes:
        free = await asyncio.start_server(_echo, relay.THERE, 0)
        port = free.sockets[0].getsockname()[1]
        free.close()
        await free.wait_closed()
        relayed = await relay.Relay(0.0).serve(port)
        reader, writer = await asyncio.open_connection(relay.HERE, port)
        found = await reader.read()
        writer.close()
        relayed.close()
        return found

    assert asyncio.run(ended()) == b""
