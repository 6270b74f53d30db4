"""What is shown of a run while it goes on: changes, progress and errors, as they come."""

from __future__ import annotations

import io
import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from typing import Protocol

import click
import pyinfra
from pyinfra import logger
from pyinfra.api.host import Host
from pyinfra.api.output import set_echo, set_formatter
from pyinfra.api.state import BaseStateCallback, State

from whisklab.engine import reasons
from whisklab.engine.progress import PROGRESS
from whisklab.engine.reasons import Reason

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


def changes(state: State, *, planned: bool) -> Iterator[Change]:
    """Return what a run changes, or has changed, in its order; of `planned` what it would."""
    for op_hash in state.get_op_order():
        for host in state.inventory:
            if op_hash not in state.ops[host]:
                continue
            meta = state.get_op_data_for_host(host, op_hash).operation_meta
            if meta._maybe_is_change if planned else meta.is_complete() and meta.did_change():
                yield change(state, host, op_hash)


def change(state: State, host: Host, op_hash: str) -> Change:
    """Return an operation on a host as a change."""
    name = ", ".join(sorted(state.get_op_meta(op_hash).names))
    return Change(host.name, name, reasons.reasons_of(host, op_hash))


class Watcher(BaseStateCallback):
    """Tells the display what pyinfra does.

    Args:
        display: hears of it.
        alone: nobody reads what pyinfra itself tells of each operation on each host.
    """

    def __init__(self, display: Display, *, alone: bool = False) -> None:
        self._display, self._alone = display, alone
        self._begun = False

    def operation_start(self, state: State, op_hash: str) -> None:  # type: ignore[override]
        """Show that it begins."""
        if not self._begun:
            self._begun = True
            if self._alone:  # to make its lines takes as long as the operations that change nothing
                logger.setLevel(PROGRESS)
            self._display.begin(len(state.get_op_order()))
        self._display.operation(", ".join(sorted(state.get_op_meta(op_hash).names)))

    def operation_end(self, state: State, op_hash: str) -> None:  # type: ignore[override]
        """Show what it has changed."""
        for host in state.inventory:
            if op_hash not in state.ops[host]:
                continue
            meta = state.get_op_data_for_host(host, op_hash).operation_meta
            if meta.is_complete() and meta.did_change():
                self._display.changed(change(state, host, op_hash))


class _Lines(logging.Handler):
    """Takes pyinfra's error lines and our progress; its other lines are for its own display."""

    def __init__(self, errors: list[str], display: Display) -> None:
        super().__init__(level=PROGRESS)
        self._errors, self._display = errors, display

    def emit(self, record: logging.LogRecord) -> None:
        """Show the line; keep it when it is an error."""
        sentence = STYLE.sub("", record.getMessage()).strip().removeprefix("--> ")
        if record.levelno == PROGRESS:
            self._display.progress(sentence)
        elif record.levelno >= logging.ERROR:
            self._errors.append(sentence)
            self._display.error(sentence)


@contextmanager
def captured(errors: list[str], display: Display, output: io.TextIOBase) -> Iterator[None]:
    """Take pyinfra's output away from the terminal, to `output`; the errors are shown, and kept."""
    pyinfra.is_cli = True
    set_formatter(click.style)
    set_echo(click.echo)
    handler, level = _Lines(errors, display), logger.level
    logger.addHandler(handler)
    try:
        with redirect_stdout(output), redirect_stderr(output):
            yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
