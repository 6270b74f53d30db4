"""The same work for several machines: some at a time, or one after another whatever fails."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import TypeVar

from whisklab.errors import BadInput, WhisklabError
from whisklab.lab.common.ended import Unwanted
from whisklab.lab.common.guest.clock import Clock

_T = TypeVar("_T")
_R = TypeVar("_R")


def each(work: Callable[[_T], _R], over: Sequence[_T], at_once: int, clock: Clock) -> list[_R]:
    """Do something for each; raises the first error when all have ended.

    An interrupt ends what is going on, and begins nothing more: it is let out when nothing runs, so
    that nobody else finds the lab free before that.

    Args:
        work: what is done.
        over: for which.
        at_once: how many at a time.
        clock: by which they wait; it is ended by an interrupt.
    """
    if not over:
        return []
    with ThreadPoolExecutor(at_once) as pool:
        begun = [pool.submit(work, one) for one in over]
        try:
            wait(begun)
        except BaseException:
            clock.end()
            pool.shutdown(wait=True, cancel_futures=True)
            raise
    for done in begun:
        if error := done.exception():
            raise error
    return [done.result() for done in begun]


def one_by_one(work: Callable[[str], object], over: Iterable[str]) -> None:
    """Do something for each; one that fails does not end the others' turn.

    What could never be (a program that is not there), and what is not wanted any more, does.

    Raises:
        WhisklabError: some have failed; it says what each of them did.
    """
    failed: list[WhisklabError] = []
    for one in over:
        try:
            work(one)
        except (BadInput, Unwanted):
            raise
        except WhisklabError as error:
            failed.append(error)
    if len(failed) == 1:
        raise failed[0]
    if failed:
        raise WhisklabError("; ".join(map(str, failed)))
