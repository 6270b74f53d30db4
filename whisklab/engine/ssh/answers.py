"""Where an answer begins, on a host whose login prints something: behind a mark of ours."""

from __future__ import annotations

from collections.abc import Iterator

import paramiko
from pyinfra.api.command import StringCommand
from pyinfra.connectors.util import CommandOutput

_CHUNK = 1 << 16  # bytes


def marked(command: StringCommand, mark: str) -> StringCommand:
    """Return a command that prints a mark on stdout and stderr before anything else."""
    return StringCommand("echo", mark, ";", "echo", mark, ">&2", ";", command)


def behind(output: CommandOutput, mark: str) -> CommandOutput:
    """Return what was printed behind the marks; all of it where there is none."""
    lines = list(output)
    for name in ("stdout", "stderr"):
        at = [i for i, each in enumerate(lines)
              if each.buffer_name == name and each.line.endswith(mark)]  # fmt: skip
        if at:
            lines = [each for i, each in enumerate(lines) if each.buffer_name != name or i > at[0]]
    return CommandOutput(lines)


def after(printed: bytes, mark: str | None) -> str:
    """Return the text behind the mark; all of it where there is none."""
    text = printed.decode(errors="replace")
    _, found, rest = text.partition(f"{mark}\n")
    return rest if found else text


def skip(channel: paramiko.Channel, mark: str) -> None:
    """Read what a login prints, up to the mark; its own words are few."""
    seen = b""
    while not seen.endswith(f"{mark}\n".encode()):
        more = channel.recv(1)
        if not more:  # it ended before; its exit code says why
            return
        seen += more


def behind_mark(channel: paramiko.Channel, mark: str | None) -> Iterator[bytes]:
    """Yield what comes on stderr behind the mark, as it comes; all of it where none comes."""
    held, end = b"", f"{mark}\n".encode()
    while chunk := channel.recv_stderr(_CHUNK):
        if mark is None:
            yield chunk
            continue
        held += chunk
        _, found, rest = held.partition(end)
        if found:
            mark, held = None, b""
            yield rest
    yield held
