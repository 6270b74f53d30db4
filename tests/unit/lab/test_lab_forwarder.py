"""The forwarder, on the loopback only."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
from collections.abc import AsyncIterator, Awaitable, Callable

from whisklab.lab.providers.nspawn import forwarder, ready
from whisklab.lab.providers.nspawn.forwarder import Forward, listen, parse, serve

Client = Callable[[int], Awaitable[None]]


def test_a_forward_reads_back_as_it_is_written() -> None:
    forward = Forward(7, "10.77.0.11", 22)
    assert str(forward) == "7=10.77.0.11:22"
    assert parse(str(forward)) == forward


def test_a_port_is_kept_while_it_is_free() -> None:
    first = listen()
    port = first.getsockname()[1]
    with first, listen(port) as second:
        assert second.getsockname()[1] != port
    with listen(port) as again:
        assert again.getsockname() == ("127.0.0.1", port)


@contextlib.asynccontextmanager
async def forwarding(port: int) -> AsyncIterator[int]:
    """A forwarder to `port` of the loopback; yields its own port."""
    with listen() as listener:
        fd = os.dup(listener.fileno())
        task = asyncio.create_task(serve([Forward(fd, "127.0.0.1", port)]))
        try:
            yield listener.getsockname()[1]
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer what was said, once the other side has said all."""
    writer.write(await reader.read())
    await writer.drain()
    writer.close()


def test_bulk_data_passes_and_half_close_is_passed_on() -> None:
    data = os.urandom(3_000_000)

    async def scenario() -> bytes:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        async with server, forwarding(server.sockets[0].getsockname()[1]) as port:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(data)
            writer.write_eof()
            async with asyncio.timeout(30):
                answer = await reader.read()
            writer.close()
            return answer

    assert asyncio.run(scenario()) == data


def test_many_connections_at_once() -> None:
    async def one(port: int, number: int) -> bool:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(str(number).encode())
        writer.write_eof()
        answer = await reader.read()
        writer.close()
        return answer == str(number).encode()

    async def scenario() -> list[bool]:
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        async with server, forwarding(server.sockets[0].getsockname()[1]) as port:
            async with asyncio.timeout(30):
                return await asyncio.gather(*(one(port, number) for number in range(50)))

    assert all(asyncio.run(scenario()))


def test_a_refused_connection_is_closed_and_the_next_one_works() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

    async def scenario() -> bytes:
        async with forwarding(port) as local:
            reader, writer = await asyncio.open_connection("127.0.0.1", local)
            with contextlib.suppress(ConnectionResetError):
                assert await reader.read() == b""
            writer.close()
            server = await asyncio.start_server(echo, "127.0.0.1", port)
            async with server:
                reader, writer = await asyncio.open_connection("127.0.0.1", local)
                writer.write(b"now")
                writer.write_eof()
                answer = await reader.read()
                writer.close()
                return answer

    assert asyncio.run(scenario()) == b"now"


def test_waiting_for_ssh_tells_the_ended_from_the_silent() -> None:
    with listen() as silent, listen() as free:
        port = free.getsockname()[1]
        free.close()
        problems = ready.wait_for_ssh(
            {"ended": port, "silent": silent.getsockname()[1]},
            alive=lambda name: name != "ended",
            whole=lambda _name: True,
            deadline=0.1,
        )
    assert problems == {
        "ended": "ended while it was starting",
        "silent": "did not answer SSH within 0 s",
    }


async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Send what an SSH server sends first."""
    writer.write(b"SSH-2.0-x\r\n")
    writer.close()


def test_an_answer_of_a_host_that_is_ending_is_not_believed() -> None:
    """Its main process was killed; its sshd answers until the keeper has noticed and ends."""
    looks = iter([True, True, False])

    async def scenario() -> dict[str, str]:
        server = await asyncio.start_server(greet, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            return await asyncio.to_thread(
                ready.wait_for_ssh,
                {"a": port},
                alive=lambda _name: next(looks),
                whole=lambda _name: False,
            )

    assert asyncio.run(scenario()) == {"a": "ended while it was starting"}


def test_the_module_runs_by_name() -> None:
    """The lab starts it as `python -m` with this name."""
    assert forwarder.__name__ == "whisklab.lab.providers.nspawn.forwarder"
