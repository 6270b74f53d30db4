"""Two works side by side, in threads: a failure of one ends the other and is told once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from whisklab.errors import WhisklabError
from whisklab.lab.common.run import Report

_One = TypeVar("_One")
_Other = TypeVar("_Other")
_Any = TypeVar("_Any")


class _Ended(WhisklabError):
    """A work was ended because the other one has failed."""


def beside(
    one: Callable[[Report], _One], other: Callable[[Report], _Other], report: Report
) -> tuple[_One, _Other]:
    """Do two works at once; return what both return.

    Each is given its own way to report, which passes lines on one at a time. Once a work has
    failed, or we were interrupted, the other one's next report raises: it is to end what it has
    started, and let that through.

    Raises:
        BaseException: what the one that failed has raised.
    """
    failed = threading.Event()
    turn = threading.Lock()

    def say(line: str) -> None:
        if failed.is_set():
            raise _Ended("ended, because something beside it has failed")
        with turn:
            report(line)

    def watched(work: Callable[[Report], _Any]) -> _Any:
        try:
            return work(say)
        except BaseException:
            failed.set()
            raise

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(watched, one)
        second = pool.submit(watched, other)
        works: tuple[Future[Any], ...] = (first, second)
        try:
            wait(works, return_when=FIRST_EXCEPTION)
        except BaseException:
            failed.set()
            raise
    _raise_cause(works)
    return first.result(), second.result()


def _raise_cause(works: tuple[Future[Any], ...]) -> None:
    """Raise what has failed, and not what was ended because of it."""
    errors = [error for work in works if (error := work.exception()) is not None]
    for error in sorted(errors, key=_was_ended):
        raise error


def _was_ended(error: BaseException | None) -> bool:
    """Whether a work failed because it was ended, even if it has put that into its own words."""
    while error is not None and not isinstance(error, _Ended):
        error = error.__cause__ or error.__context__
    return error is not None
