"""Several commands of a host by one, each with its own answer."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from paramiko import SSHException
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.host import Host

from whisklab.engine.files import Script
from whisklab.errors import WhisklabError

# Each in a copy of the shell that is there: to start another one takes longer than most answers.
# Two lines around each answer; the empty one before the second ends a line without an end.
_ASK = (
    'for each; do echo "$0"; (eval "$each") 2>/dev/null </dev/null; code=$?; echo; '
    'echo "$0 $code"; done'
)


def run(
    host: Host, commands: Iterable[StringCommand], *, sudo: bool, within: int | None = None
) -> list[list[str] | None]:
    """Return the lines that each command prints, None for one that failed.

    Nothing is printed here, and what the commands say on stderr is dropped.

    Args:
        host: connected.
        commands: that only look.
        sudo: run them as root.
        within: seconds.

    Raises:
        WhisklabError: the host gave no answer at all.
    """
    mark = secrets.token_hex(8)
    quoted = [QuoteString(each.inline() if isinstance(each, Script) else each) for each in commands]
    if not quoted:
        return []
    arguments: dict[str, Any] = {} if within is None else {"_timeout": within}
    try:
        ok, output = host.run_shell_command(
            StringCommand("sh", "-c", QuoteString(_ASK), mark, *quoted),
            print_output=False, print_input=False, _sudo=sudo, **arguments,
        )  # fmt: skip
    except (OSError, EOFError, SSHException) as error:
        raise WhisklabError(f"no answer: {error}") from error
    if not ok:
        said = output.stderr_lines or output.stdout_lines or ["no answer"]
        raise WhisklabError(said[-1].strip())
    return list(parts(output.stdout_lines, mark))


def as_command(given: StringCommand | str) -> StringCommand:
    """Return the command of a fact, which may be a string."""
    return given if isinstance(given, StringCommand) else StringCommand(given)


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
