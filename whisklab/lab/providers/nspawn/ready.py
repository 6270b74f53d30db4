"""Waiting until hosts can be logged into: until each has sent a real SSH banner."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Callable, Mapping
from pathlib import Path

# A host boots in 3 seconds; three labs that do so at once on two busy processors have taken 70. One
# that has ended is told at once.
DEADLINE = 240.0
_POLL = 0.05
_TRY = 5.0
_LINES = 15


async def _banner(port: int) -> bool:
    try:
        async with asyncio.timeout(_TRY):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                return (await reader.read(8)).startswith(b"SSH-2.0-")
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False


async def _wait(
    port: int, alive: Callable[[], bool], whole: Callable[[], bool], deadline: float
) -> str | None:
    loop = asyncio.get_running_loop()
    ends = loop.time() + deadline
    while not (await _banner(port) and whole()):
        if not alive():
            return "ended while it was starting"
        if loop.time() > ends:
            return f"did not answer SSH within {deadline:.0f} s"
        await asyncio.sleep(_POLL)
    return None


def wait_for_ssh(
    ports: Mapping[str, int],
    alive: Callable[[str], bool],
    whole: Callable[[str], bool],
    deadline: float = DEADLINE,
) -> dict[str, str]:
    """Wait for the SSH banner of every host; `ports` are those of its ssh on 127.0.0.1.

    `alive` tells whether a host can still come, `whole` whether an answer is to be believed: what
    runs in a host outlives its main process for a moment, and answers.

    Returns:
        What is wrong with each host that has ended or let the deadline pass.
    """

    async def everyone() -> list[str | None]:
        waits = (
            _wait(port, functools.partial(alive, name), functools.partial(whole, name), deadline)
            for name, port in ports.items()
        )
        return await asyncio.gather(*waits)

    answers = zip(ports, asyncio.run(everyone()), strict=True)
    return {name: problem for name, problem in answers if problem}


def tail(log: Path) -> str:
    """The last lines of a log, or a word that there are none."""
    try:
        text = log.read_text(encoding="utf-8", errors="replace")
    except FileNotFoundError:
        return "(nothing)"
    return "\n".join(text.replace("\r", "").splitlines()[-_LINES:]) or "(nothing)"
