"""The verbs that deploy: plan and apply."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whisklab.errors import BadInput

if TYPE_CHECKING:
    from whisklab.engine.run.command import Outcome
    from whisklab.engine.run.display import Change

_environment = click.argument("environment")
_limit = click.option("--limit", multiple=True, help="Only these hosts or groups; may be repeated.")
_only = click.option("--only", help="Only these capabilities, such as k3s,labels.")
_diff = click.option("--diff", is_flag=True, help="Show how text files differ; secrets are not.")
_json = click.option("--json", "as_json", is_flag=True, help="The result as JSON, on stdout.")


def _options(function: Callable[..., int]) -> Callable[..., int]:
    for option in (_json, _diff, _only, _limit, _environment):
        function = option(function)
    return function


@click.command()
@_options
def plan(
    environment: str, limit: tuple[str, ...], only: str | None, diff: bool, as_json: bool
) -> int:
    """Tell what `apply ENVIRONMENT` would change, and why. No machine is changed.

    Exit code 0: nothing to do; 3: something differs; 1: failed; 2: bad input.
    """
    from whisklab.engine.run.start import run  # noqa: PLC0415  patches the library for gevent

    return _go(run.plan, environment, _arguments(limit, diff), only, as_json)


@click.command()
@_options
def apply(
    environment: str, limit: tuple[str, ...], only: str | None, diff: bool, as_json: bool
) -> int:
    """Bring the machines of ENVIRONMENT to what the data say; run again, it changes nothing.

    Exit code 0: done, or nothing to do; 1: failed; 2: bad input; 130: interrupted.
    """
    from whisklab.engine.run.start import run  # noqa: PLC0415

    return _go(run.apply, environment, _arguments(limit, diff), only, as_json)


def _arguments(limit: tuple[str, ...], diff: bool) -> list[str]:
    limits = [word for name in limit for word in ("--limit", name)]
    return [*limits, *(["--diff"] if diff else [])]


def _go(
    work: Callable[..., Outcome],
    environment: str,
    arguments: list[str],
    only: str | None,
    as_json: bool,
) -> int:
    from whisklab.engine.run.start import run  # noqa: PLC0415

    inventory = inventory_of(environment)
    names = [name.strip() for name in only.split(",")] if only else []
    display = Lines(sys.stderr)
    outcome = work(inventory, display, arguments, only=names)
    display.end()
    if as_json:
        click.echo(json.dumps(as_data(environment, outcome), indent=1))
    else:
        _print(environment, outcome, planned=work is run.plan)
    if outcome.code == run.FAILED and outcome.log:
        told = f"what failed on which machine: `whisklab log {environment} --failed`"
        click.echo(f"{told} ({outcome.log})", err=True)
    return outcome.code


def inventory_of(environment: str) -> str:
    """Return the path of an environment's inventory, below the current directory.

    Raises:
        BadInput: this is not the directory of config.py and deploy.py.
    """
    if not Path("config.py").is_file() or not Path("deploy.py").is_file():
        raise BadInput("there is no config.py and deploy.py here: go to the repository's directory")
    return environment if environment.endswith(".py") else f"inventories/{environment}.py"


class Lines:
    """Shows a run as lines, and on a terminal what is going on as one changing line."""

    def __init__(self, stream: Any) -> None:  # noqa: ANN401  a text file
        self._stream = stream
        self._terminal = stream.isatty()
        self._all = self._done = 0

    def begin(self, operations: int) -> None:
        """Remember how many operations follow."""
        self._all = operations

    def operation(self, name: str) -> None:
        """Show which operation is going on."""
        self._done += 1
        if self._terminal:
            self._clear()
            self._stream.write(f"{self._done:3}/{self._all} {name[:90]}")
            self._stream.flush()

    def changed(self, change: Change) -> None:
        """Show what was changed."""
        self._line(describe(change))

    def progress(self, sentence: str) -> None:
        """Show how far something is."""
        self._line(sentence)

    def error(self, sentence: str) -> None:
        """Show an error."""
        self._line(click.style(sentence, fg="red") if self._terminal else sentence)

    def end(self) -> None:
        """Take the changing line away."""
        if self._terminal:
            self._clear()

    def _line(self, text: str) -> None:
        self.end()
        self._stream.write(f"{text}\n")
        self._stream.flush()

    def _clear(self) -> None:
        self._stream.write("\r\x1b[K")


def describe(change: Change) -> str:
    """Return one line: host, operation, why, what restarts."""
    why = "; ".join(dict.fromkeys(reason.text for reason in change.reasons))
    restarts = f" (restarts {', '.join(change.restarts)})" if change.restarts else ""
    return f"{change.host}: {change.operation}" + (f": {why}" if why else "") + restarts


def as_data(environment: str, outcome: Outcome) -> dict[str, Any]:
    """Return an outcome for programs."""
    return {
        "environment": environment,
        "code": outcome.code,
        "changes": [
            {
                "host": change.host,
                "operation": change.operation,
                "reasons": [reason.text for reason in change.reasons],
                "restarts": change.restarts,
                "unknown": change.unknown,
                "diff": [line for reason in change.reasons for line in reason.diff],
            }
            for change in outcome.changes
        ],
        "errors": outcome.errors,
    }


def _print(environment: str, outcome: Outcome, *, planned: bool) -> None:
    if planned:
        for change in outcome.changes:
            click.echo(describe(change))
            for line in (line for reason in change.reasons for line in reason.diff):
                click.echo(f"    {line}")
    unknown = sum(change.unknown for change in outcome.changes)
    count = len(outcome.changes) - unknown
    if outcome.code in {0, 3}:
        word = "to change" if planned else "changed"
        later = f", {unknown} not known yet" if unknown else ""
        nothing = "nothing to change" if planned else "nothing had to be changed"
        click.echo(f"{environment}: {f'{count} {word}{later}' if outcome.changes else nothing}")
    elif outcome.code == 130:  # noqa: PLR2004  the shell's number for an interrupt
        click.echo(
            f"{environment}: interrupted; run it again, it continues where it stopped", err=True
        )
