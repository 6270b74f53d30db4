"""Showing progress: plain lines, or one changing line on a terminal when it takes long."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from whisklab.cli.logs import Log
from whisklab.errors import WhisklabError
from whisklab.lab.common.run import DETAIL

if TYPE_CHECKING:
    from rich.progress import Progress as Live

_PATIENCE = 2.0  # seconds of silence; most runs are done by then
_WIDEST = 100  # characters of a step; the rest is in the log
_NUMBER = re.compile(r"\b\d+(\.\d+)?\b")


class Progress:
    """Shows what is going on; what programs print goes to the log, where there is one.

    On a terminal it is one line, which changes, after two seconds. Elsewhere each step is a line;
    one that differs from an earlier one by numbers only is how far that is, and not shown.
    """

    def __init__(
        self,
        log: Log | None = None,
        *,
        course: Callable[[], str] = str,
        patience: float = _PATIENCE,
    ) -> None:
        """Show nothing yet.

        Args:
            log: gets all lines, with the time.
            course: says how far the whole run is; shown before each step on a terminal.
            patience: seconds before a terminal shows anything.
        """
        self._since = time.monotonic()
        self._log, self._course, self._patience = log, course, patience
        self._stream = sys.stderr  # also while what runs is redirected
        self._terminal = self._stream.isatty()
        self._live: Live | None = None
        self._shown: set[str] = set()

    def __enter__(self) -> Self:
        """Return itself; a terminal shows at once that nobody is to wait for."""
        if self._terminal and not self._patience:
            self._start("")
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the changing line away; say where the log is when it has failed."""
        if self._live is not None:
            self._live.stop()
        if self._log is not None and isinstance(error, WhisklabError):
            click.echo(f"what was printed until then: {self._log.path}", err=True)

    def report(self, text: str) -> None:
        """Show one step, or keep what a program has printed."""
        if self._log is not None:
            self._log.line(text)
        if text.startswith(DETAIL):
            return
        if self._terminal:
            self._change(text)
        elif (kind := _NUMBER.sub("", text)) not in self._shown:
            self._shown.add(kind)
            click.echo(text, file=self._stream)

    def glimpse(self, text: str) -> None:
        """Show on a terminal what is going on; elsewhere it is not worth a line."""
        if self._log is not None:
            self._log.line(text)
        if self._terminal:
            self._change(text)

    def line(self, text: str, color: str | None = None) -> None:
        """Show a line that stays."""
        if self._log is not None:
            self._log.line(text)
        if self._live is not None:
            self._live.console.print(text, style=color, markup=False, highlight=False)
        else:
            click.secho(text, file=self._stream, fg=color)

    def _change(self, text: str) -> None:
        if self._live is None and time.monotonic() - self._since > self._patience:
            self._start(text)
        if self._live is not None:
            self._live.update(self._live.task_ids[0], description=self._told(text))

    def _told(self, text: str) -> str:
        course = self._course()
        return (f"{course}  " if course else "") + text[:_WIDEST]

    def _start(self, text: str) -> None:
        from rich.console import Console  # noqa: PLC0415 (rich is for who waits)
        from rich.progress import Progress as Live  # noqa: PLC0415
        from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        self._live = Live(
            SpinnerColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.description}", markup=False),
            console=Console(file=self._stream),
            transient=True,
        )
        self._live.add_task(self._told(text))
        self._live.start()
