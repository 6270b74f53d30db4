"""A TCP relay that delivers each byte later, in place of a long way; no setting of the machine.

    python -m tests.bench.relay SECONDS PORT ...

Listens on 127.0.0.2 at each port, and goes on to 127.0.0.1 at the same one. It says a line when it
is ready, and runs until it is ended.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress

HERE, THERE = "127.0.0.2", "127.0.0.1"
READY = "ready"
_CHUNK = 1 << 16
_HANDSHAKE = 3  # ways of TCP's own packets before a server hears of a connection


class Relay:
    """Relays connections.

    Args:
        delay: seconds of one way.
    """

    def __init__(self, delay: float) -> None:
        self._delay = delay

    async def serve(self, port: int) -> asyncio.Server:
        """Listen at a port."""

        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await self._connected(reader, writer, port)

        return await asyncio.start_server(accepted, HERE, port)

    async def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int
    ) -> None:
        await asyncio.sleep(_HANDSHAKE * self._delay)
        try:
            upstream = await asyncio.open_connection(THERE, port)
        except OSError:
            writer.close()  # as the machine itself would refuse it
            return
        await asyncio.gather(self._pump(reader, upstream[1]), self._pump(upstream[0], writer))
        for each in (upstream[1], writer):
            each.close()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        queue: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()
        clock = asyncio.get_running_loop()

        async def read() -> None:
            data = b"-"
            while data:
                try:
                    data = await reader.read(_CHUNK)
                except ConnectionError:
                    data = b""
                await queue.put((clock.time() + self._delay, data))

        reading = asyncio.create_task(read())
        with suppress(OSError):  # the other side has gone; there is nobody to be told
            while True:
                due, data = await queue.get()
                await asyncio.sleep(due - clock.time())
                if not data:
                    writer.write_eof()  # the other way may still have something
                    break
                writer.write(data)
                await writer.drain()
        await reading


async def main(delay: float, ports: list[int]) -> None:
    """Relay until the program is ended."""
    relay = Relay(delay)
    servers = [await relay.serve(port) for port in ports]
    sys.stdout.write(f"{READY}\n")
    sys.stdout.flush()
    await asyncio.gather(*(each.serve_forever() for each in servers))


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]), [int(each) for each in sys.argv[2:]]))
