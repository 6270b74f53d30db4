"""Plan and apply: the pyinfra command driven in this process, with honest exit codes.

pyinfra alone answers 0 to a run on no host, to a dry run with changes pending and to Ctrl-C.
Importing this module patches the standard library for gevent, as pyinfra's own command does.
"""

from __future__ import annotations

import io
import traceback
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import click
import pyinfra_cli.cli as pyinfra_cli
from pyinfra import logger
from pyinfra.context import ctx_state

from whisklab.engine import runs
from whisklab.engine.run import capability, checks, hooks, overview
from whisklab.engine.run.display import Change, Display, Watcher, captured, changes
from whisklab.engine.runs import Run
from whisklab.engine.ssh.channels import ConnectionContext

DONE, FAILED, BAD_INPUT, DRIFT, INTERRUPTED = 0, 1, 2, 3, 130


@dataclass
class Outcome:
    """How a run ended.

    Attributes:
        code: 0 done or nothing to do, 1 failed, 2 bad input, 3 drift found, 130 interrupted.
        changes: what differs (plan) or was changed (apply), in the order of the run.
        errors: the sentences, in the order they came.
        log: where its commands are written down, if one of them failed.
        machines: of the run, by name: whether it reached them.
        results: how each check ended (verify).
        lines: what was told (status, certs).
    """

    code: int = DONE
    changes: list[Change] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    log: Path | None = None
    machines: dict[str, bool] = field(default_factory=dict)
    results: tuple[checks.Result, ...] = ()
    lines: tuple[overview.Line, ...] = ()


def plan(
    inventory: str, display: Display, options: Sequence[str] = (), *, only: Sequence[str] = ()
) -> Outcome:
    """Tell what a deploy would change; nothing is changed.

    Args:
        inventory: path of the inventory file.
        display: hears of errors at once.
        options: further options of the pyinfra command.
        only: the capabilities that it is limited to; none means all.
    """
    run = Run()
    capability.select(run, only)
    outcome = _drive([inventory, "deploy.py", "--dry", *options], display, run=run)
    if outcome.code == DONE and outcome.errors:  # such as a finding of preflight
        outcome.code = FAILED
    if outcome.code == DONE and outcome.changes:
        outcome.code = DRIFT
    return outcome


def apply(
    inventory: str,
    display: Display,
    options: Sequence[str] = (),
    *,
    only: Sequence[str] = (),
    output: io.TextIOBase | None = None,
) -> Outcome:
    """Deploy; run again it changes nothing.

    Args:
        inventory: path of the inventory file.
        display: hears of operations and errors at once.
        options: further options of the pyinfra command.
        only: the capabilities that it is limited to; none means all.
        output: gets what pyinfra itself prints.
    """
    run = Run()
    capability.select(run, only)
    return _drive([inventory, "deploy.py", "-y", *options], display, output, run=run)


def adopt(inventory: str, display: Display) -> Outcome:
    """Take over what the running platform has and the laptop lacks; no host is changed.

    Arguments as for `apply`.
    """
    return _drive([inventory, "adopt.py", "-y"], display)


def verify(
    inventory: str,
    display: Display,
    options: Sequence[str] = (),
    *,
    further: Sequence[str] = (),
    output: io.TextIOBase | None = None,
) -> Outcome:
    """Try whether the platform works.

    Arguments as for `apply`; `further` are checks that are made on request only.
    """
    run = Run()
    checks.ask_for(run, further)
    outcome = _drive([inventory, "verify.py", "-y", *options], display, output, run=run)
    if outcome.code == DONE and not all(each.ok for each in outcome.results):
        outcome.code = FAILED
    return outcome


def status(inventory: str, display: Display) -> Outcome:
    """Ask what the environment is like now."""
    outcome = _drive([inventory, "status.py", "-y"], display)
    if outcome.code == FAILED and outcome.machines:  # one that does not answer is told as such
        outcome.code = DONE
    return outcome


def certs(inventory: str, display: Display) -> Outcome:
    """Ask when certificates end."""
    return _drive([inventory, "certs.py", "-y"], display)


def renew(inventory: str, display: Display, days: int | None) -> Outcome:
    """Make the certificates anew that end soon.

    Args:
        inventory: path of the inventory file.
        display: hears of operations and errors at once.
        days: how soon; None for what the data say.
    """
    options = [] if days is None else ["--data", f"certs_days={days}"]
    return _drive([inventory, "renew.py", "-y", *options], display)


def _drive(
    arguments: list[str],
    display: Display,
    output: io.TextIOBase | None = None,
    *,
    run: Run | None = None,
) -> Outcome:
    outcome, run = Outcome(), run or Run()
    run.part(hooks.Watchers).append(Watcher(display, alone=output is None))
    with captured(outcome.errors, display, output or io.StringIO()), hooks.beginning(run):
        try:
            pyinfra_cli.cli.main(arguments, prog_name="whisklab", standalone_mode=False)
        except SystemExit as error:
            outcome.code = error.code if isinstance(error.code, int) else FAILED
        except click.ClickException as error:
            outcome.code = error.exit_code
            error.show()
            if not outcome.errors:  # pyinfra tells its own as warnings, with a traceback
                logger.error("--> %s", _unforeseen(error))
        except (KeyboardInterrupt, click.Abort):
            outcome.code = INTERRUPTED
    _fill(outcome, run, planned="--dry" in arguments)
    return outcome


def _fill(outcome: Outcome, run: Run, *, planned: bool) -> None:
    """Take from the run what it has found; nothing, if it did not get as far as its hosts."""
    if runs.if_any() is not run or not ctx_state.get().initialised:
        return
    state, log = ctx_state.get(), run.part(ConnectionContext).log
    outcome.changes = list(changes(state, planned=planned))
    outcome.machines = {each.name: each in state.activated_hosts for each in state.inventory}
    outcome.results, outcome.lines = checks.results(run), overview.lines(run)
    if outcome.code == DONE and state.failed_hosts:
        outcome.code = FAILED
    if log and log.failed:
        outcome.log = log.path


def _unforeseen(error: click.ClickException) -> str:
    """Return a sentence on what is no sentence yet: an exception of a deploy, or pyinfra's own."""
    cause = getattr(error, "exception", None)
    if not isinstance(cause, Exception):
        return error.format_message()
    frames = traceback.extract_tb(getattr(cause, "_traceback", cause.__traceback__))
    place = f"{frames[-1].filename}, line {frames[-1].lineno}: " if frames else ""
    return f"{place}{type(cause).__name__}: {cause}: this is an error of the program, not of yours"
