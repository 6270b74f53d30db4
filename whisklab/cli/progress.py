"""Showing progress: plain lines, or one changing line on a terminal when it takes long."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

if TYPE_CHECKING:
    from rich.status import Status

_PATIENCE = 2.0  # seconds of silence; most runs are done by then


class Progress:
    """Shows what is going on. On a terminal only after two seconds, then as one line."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._status: Status | None = None
        self._terminal = sys.stderr.isatty()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the changing line away."""
        if self._status is not None:
            self._status.stop()

    def report(self, text: str) -> None:
        """Show one step."""
        if not self._terminal:
            click.echo(text, err=True)
        elif time.monotonic() - self._since > _PATIENCE:
            self._spin(text)

    def _spin(self, text: str) -> None:
        from rich.console import Console  # noqa: PLC0415 (rich is for who waits)
        from rich.markup import escape  # noqa: PLC0415

        if self._status is None:
            self._status = Console(stderr=True).status("")
            self._status.start()
        seconds = time.monotonic() - self._since
        self._status.update(f"{seconds:3.0f} s  {escape(text[:100])}")
