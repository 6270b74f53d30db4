"""Plan and apply: the pyinfra command driven in this process, with honest exit codes.

pyinfra alone answers 0 to a run on no host, to a dry run with changes pending and to Ctrl-C.
Importing this module patches the standard library for gevent, as pyinfra's own command does.
"""

from __future__ import annotations

import io
import logging
import re
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, field
from typing import Protocol

import click
import pyinfra
import pyinfra_cli.cli as pyinfra_cli
from pyinfra import logger
from pyinfra.api.host import Host
from pyinfra.api.output import set_echo, set_formatter
from pyinfra.api.state import BaseStateCallback, State
from pyinfra.context import ctx_state

from whisklab.engine import capability, checks, hooks, overview, reasons
from whisklab.engine.progress import PROGRESS
from whisklab.engine.reasons import Reason

DONE, FAILED, BAD_INPUT, DRIFT, INTERRUPTED = 0, 1, 2, 3, 130
STYLE = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class Change:
    """An operation that changes a host (or would), and why."""

    host: str
    operation: str
    reasons: tuple[Reason, ...]

    @property
    def unknown(self) -> bool:
        """Whether it cannot be told yet if there is anything to do."""
        return bool(self.reasons) and all(reason.unknown for reason in self.reasons)

    @property
    def restarts(self) -> list[str]:
        """The services that restart because of it."""
        return sorted({reason.restarts for reason in self.reasons if reason.restarts})


@dataclass
class Outcome:
    """How a run ended.

    Attributes:
        code: 0 done or nothing to do, 1 failed, 2 bad input, 3 drift found, 130 interrupted.
        changes: what differs (plan) or was changed (apply), in the order of the run.
        errors: the sentences, in the order they came.
    """

    code: int = DONE
    changes: list[Change] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


class Display(Protocol):
    """What shows a run while it goes on."""

    def begin(self, operations: int) -> None:
        """All hosts are prepared; so many operations follow."""

    def operation(self, name: str) -> None:
        """An operation begins."""

    def changed(self, change: Change) -> None:
        """An operation has changed a host."""

    def progress(self, sentence: str) -> None:
        """Something takes long, and is so far."""

    def error(self, sentence: str) -> None:
        """Something is wrong."""


def plan(inventory: str, display: Display, options: Sequence[str] = ()) -> Outcome:
    """Tell what a deploy would change; nothing is changed.

    Args:
        inventory: path of the inventory file.
        display: hears of errors at once.
        options: further options of the pyinfra command.
    """
    outcome = _drive([inventory, "deploy.py", "--dry", *options], display)
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
    output: io.TextIOBase | None = None,
) -> Outcome:
    """Deploy; run again it changes nothing.

    Args:
        inventory: path of the inventory file.
        display: hears of operations and errors at once.
        options: further options of the pyinfra command.
        output: gets what pyinfra itself prints.
    """
    return _drive([inventory, "deploy.py", "-y", *options], display, output)


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
    output: io.TextIOBase | None = None,
) -> Outcome:
    """Try whether the platform works; `checks.results()` has how each check ended.

    Arguments as for `apply`.
    """
    checks.forget()
    outcome = _drive([inventory, "verify.py", "-y", *options], display, output)
    if outcome.code == DONE and checks.failed():
        outcome.code = FAILED
    return outcome


def status(inventory: str, display: Display) -> Outcome:
    """Ask what the environment is like now; `overview.lines()` has what was told."""
    overview.forget()
    outcome = _drive([inventory, "status.py", "-y"], display)
    if outcome.code == FAILED and machines():  # one that does not answer is told as such
        outcome.code = DONE
    return outcome


def certs(inventory: str, display: Display) -> Outcome:
    """Ask when certificates end; `overview.lines()` has what was told."""
    overview.forget()
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


def machines() -> dict[str, bool]:
    """Return the machines of the run by name: whether it reached them."""
    if not ctx_state.isset() or not getattr(ctx_state.get(), "initialised", False):
        return {}
    state = ctx_state.get()
    return {each.name: each in state.activated_hosts for each in state.inventory}


def _drive(arguments: list[str], display: Display, output: io.TextIOBase | None = None) -> Outcome:
    outcome, dry = Outcome(), "--dry" in arguments
    reasons.forget()
    with _captured(outcome, display, output or io.StringIO()), hooks.watching(_Watcher(display)):
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
    if ctx_state.isset() and getattr(ctx_state.get(), "initialised", False):
        outcome.changes = list(_changes(ctx_state.get(), planned=dry))
        if outcome.code == DONE and ctx_state.get().failed_hosts:
            outcome.code = FAILED
    return outcome


def _unforeseen(error: click.ClickException) -> str:
    """Return a sentence on what is no sentence yet: an exception of a deploy, or pyinfra's own."""
    cause = getattr(error, "exception", None)
    if not isinstance(cause, Exception):
        return error.format_message()
    frames = traceback.extract_tb(getattr(cause, "_traceback", cause.__traceback__))
    place = f"{frames[-1].filename}, line {frames[-1].lineno}: " if frames else ""
    return f"{place}{type(cause).__name__}: {cause}: this is an error of the program, not of yours"


def _changes(state: State, *, planned: bool) -> Iterator[Change]:
    for op_hash in state.get_op_order():
        for host in state.inventory:
            if op_hash not in state.ops[host]:
                continue
            meta = state.get_op_data_for_host(host, op_hash).operation_meta
            if meta._maybe_is_change if planned else meta.is_complete() and meta.did_change():
                yield _change(state, host, op_hash)


def _change(state: State, host: Host, op_hash: str) -> Change:
    name = ", ".join(sorted(state.get_op_meta(op_hash).names))
    return Change(host.name, name, reasons.reasons_of(host.name, op_hash))


class _Watcher(BaseStateCallback):
    """Tells the display what pyinfra does."""

    def __init__(self, display: Display) -> None:
        self._display = display
        self._begun = False

    def operation_start(self, state: State, op_hash: str) -> None:  # type: ignore[override]
        if not self._begun:
            self._begun = True
            self._display.begin(len(state.get_op_order()))
        self._display.operation(", ".join(sorted(state.get_op_meta(op_hash).names)))

    def operation_end(self, state: State, op_hash: str) -> None:  # type: ignore[override]
        for host in state.inventory:
            if op_hash not in state.ops[host]:
                continue
            meta = state.get_op_data_for_host(host, op_hash).operation_meta
            if meta.is_complete() and meta.did_change():
                self._display.changed(_change(state, host, op_hash))


class _Lines(logging.Handler):
    """Takes pyinfra's error lines and our progress; its other lines are for its own display."""

    def __init__(self, outcome: Outcome, display: Display) -> None:
        super().__init__(level=PROGRESS)
        self._outcome, self._display = outcome, display

    def emit(self, record: logging.LogRecord) -> None:
        """Show the line; keep it when it is an error."""
        sentence = STYLE.sub("", record.getMessage()).strip().removeprefix("--> ")
        if record.levelno == PROGRESS:
            self._display.progress(sentence)
        elif record.levelno >= logging.ERROR:
            self._outcome.errors.append(sentence)
            self._display.error(sentence)


@contextmanager
def _captured(outcome: Outcome, display: Display, output: io.TextIOBase) -> Iterator[None]:
    """Take pyinfra's output away from the terminal, to `output`, except for the errors."""
    pyinfra.is_cli = True
    set_formatter(click.style)
    set_echo(click.echo)
    handler = _Lines(outcome, display)
    logger.addHandler(handler)
    try:
        with redirect_stdout(output), redirect_stderr(output):
            yield
    finally:
        logger.removeHandler(handler)


def select(only: Sequence[str]) -> None:
    """Limit the following runs to these capabilities; none means all."""
    capability.select(only)
