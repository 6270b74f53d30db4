"""Small helpers of operations: run a command quietly, fail one host with one sentence."""

from __future__ import annotations

from collections.abc import Callable

from pyinfra import logger
from pyinfra.api.command import FunctionCommand, StringCommand
from pyinfra.api.host import Host
from pyinfra.api.state import State

from whisklab.errors import WhisklabError


def fail(*sentences: str) -> FunctionCommand:
    """Return a command that fails its host with these sentences, each on a line of its own.

    Yield it; nothing runs on the host.
    """

    def refuse(state: State, host: Host) -> bool:  # noqa: ARG001  found by these names
        for sentence in sentences:
            logger.error("%s%s", host.print_prefix, sentence)
        return False

    return FunctionCommand(refuse, [], {})


def call(function: Callable[[Host], None]) -> FunctionCommand:
    """Return a command that runs `function(host)` on the laptop when it is executed.

    A WhisklabError becomes its sentences, one for each line, and fails the host; anything else is
    a bug and keeps pyinfra's traceback.
    """

    def run(state: State, host: Host) -> bool:  # noqa: ARG001  found by these names
        try:
            function(host)
        except WhisklabError as error:
            for sentence in str(error).splitlines():
                logger.error("%s%s", host.print_prefix, sentence)
            return False
        return True

    run.__name__ = function.__name__
    return FunctionCommand(run, [], {})


def tried(host: Host, command: StringCommand) -> tuple[bool, list[str]]:
    """Run `command` as root, return whether it went well and the lines of its stdout, quietly."""
    ok, output = host.connector.run_shell_command(
        command, print_output=False, print_input=False, _sudo=True,
        _shell_executable=host.state.config.SHELL,
    )  # fmt: skip
    return ok, output.stdout_lines


def run_quietly(host: Host, command: StringCommand, *, stdin: list[str] | None = None) -> str:
    """Run `command` as root, return its stdout; nothing of it is printed, at any verbosity.

    Raises:
        WhisklabError: it failed, with the last line of its stderr.
    """
    ok, output = host.connector.run_shell_command(
        command, print_output=False, print_input=False, _sudo=True, _stdin=stdin or []
    )
    if not ok:
        lines = output.stderr_lines or output.stdout_lines
        said = lines[-1].strip() if lines else f"it fails without a word: {str(command)[:80]}"
        raise WhisklabError(f"{host.name}: {said}")
    return output.stdout
