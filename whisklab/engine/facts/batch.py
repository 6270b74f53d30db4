"""Several commands of a host by one, each with its own answer."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from paramiko import SSHException
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host

from whisklab.engine.scripts import Script
from whisklab.errors import WhisklabError

# Each in the shell that is there: to start another one takes longer than most answers, and so does
# a copy of it on a small machine, which is made for those that might leave something behind.
# Two lines around each answer; the empty one before the second ends a line without an end.
_ASK = (
    'for each; do echo "$0"; eval "$each" 2>/dev/null </dev/null; code=$?; echo; '
    'echo "$0 $code"; done'
)
_LEAVES = re.compile(
    r"\b(exit|return|trap|set|shift|eval|cd|exec|umask|export|unset|readonly|ulimit|alias|IFS|PATH)\b"
)


class Unfinished(TimeoutError):
    """A command takes longer than it may.

    Attributes:
        lines: that it has printed so far.
    """

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__("it takes too long")
        self.lines = list(lines)


def run(
    host: Host, commands: Iterable[StringCommand], *, sudo: bool, within: int | None = None
) -> list[list[str] | None]:
    """Return the lines that each command prints, None for one that failed.

    Nothing is printed here, and what the commands say on stderr is dropped.

    Args:
        host: connected.
        commands: that only look.
        sudo: run them as root.
        within: seconds; of commands that have not ended by then there is no answer, nor of those
            behind them.

    Raises:
        WhisklabError: the host gave no answer at all.
    """
    mark = secrets.token_hex(8)
    quoted = [QuoteString(_inline(each)) for each in commands]
    if not quoted:
        return []
    # As pyinfra's own facts are asked.
    arguments: dict[str, Any] = {"_sudo": sudo, "_shell_executable": host.state.config.SHELL}
    if within is not None:
        arguments["_timeout"] = within
    try:
        ok, output = host.run_shell_command(
            StringCommand("sh", "-c", QuoteString(_ASK), mark, *quoted),
            print_output=False, print_input=False, **arguments,
        )  # fmt: skip
    except Unfinished as error:
        return list(parts(error.lines, mark))
    except (OSError, EOFError, SSHException) as error:
        raise WhisklabError(f"no answer: {error}") from error
    if not ok:
        said = output.stderr_lines or output.stdout_lines or ["no answer"]
        raise WhisklabError(said[-1].strip())
    return list(parts(output.stdout_lines, mark))


def _inline(command: StringCommand) -> str:
    """Return the command as text for the shell that is there. Only scripts are known to be well."""
    text = (command.inline() if isinstance(command, Script) else command).get_raw_value()
    if isinstance(command, Script) and not _LEAVES.search(command.text):
        return text
    return StringCommand("(", "eval", QuoteString(text), ")").get_raw_value()


def parts(lines: Sequence[str], mark: str) -> Iterator[list[str] | None]:
    """Yield the lines of each answer, None for a command that failed. Pure."""
    answer: list[str] = []
    for line in lines:
        if line == mark:
            answer = []
        elif line.startswith(f"{mark} "):
            ended = answer[:-1] if answer and answer[-1] == "" else answer
            yield ended if line == f"{mark} 0" else None
        else:
            answer.append(line)
