"""Waiting for a change: one loop, which asks anew and tells what it waits for."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping

from pyinfra.api.host import Host

from whisklab.engine.facts import asking
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import Client
from whisklab.engine.progress import tell
from whisklab.errors import WhisklabError

TOLD_EVERY = 10.0  # seconds
POLL = 1.0  # seconds between looks
FIRST = 0.25  # likewise, in the beginning: what is deleted is mostly gone within a second


class Overdue(WhisklabError):
    """The time is over, and what was waited for is not there."""


def wait(
    who: Host, problem: Callable[[], str | None], within: float, remedy: str = "", *,
    steady: int | Callable[[], int] = 1, causes: Callable[[], Iterable[str]] = tuple,
) -> None:  # fmt: skip
    """Wait until `problem()` is None, telling it every few seconds; Unreachable is one too.

    Args:
        who: the host that waits.
        problem: half a sentence, None when there is none; what it raises ends the waiting.
        within: seconds.
        remedy: what to do, for the error; who has more to say makes another one of Overdue.
        steady: it must be None so many times in a row, POLL apart; asked at each look if it
            depends on what was seen.
        causes: looks why there is a problem, for what is told and for the error.

    Raises:
        Overdue: it still is one after `within` seconds.
    """
    start = told = time.monotonic()
    well, pause = 0, FIRST
    while True:
        try:
            with asking.anew(who):
                why = problem()
        except kube.Unreachable as error:
            why = str(error)
        well = well + 1 if why is None else 0
        if well >= (steady() if callable(steady) else steady):
            return
        now = time.monotonic()
        if why and now - start > within:
            said = f"after {within:.0f} s still {'; '.join([why, *causes()])}"
            raise Overdue(f"{said}: {remedy}" if remedy else said)
        if why and now - told > TOLD_EVERY:
            told = now
            tell(f"{who.name}: waiting, {now - start:.0f} s: {'; '.join([why, *causes()])}")
        time.sleep(POLL if why is None else min(pause, POLL))
        pause *= 2


def gone(client: Client, there: Mapping[str, str], within: float, remedy: str) -> None:
    """Wait until objects are not there any more.

    Args:
        client: of their cluster.
        there: the path of each, and what it is called.
        within: seconds.
        remedy: what to do, for the error.

    Raises:
        Overdue: one is there after `within` seconds.
    """

    def left() -> str | None:
        names = [name for path, name in there.items() if client.get(path) is not None]
        return f"there: {', '.join(names)}" if names else None

    wait(client.server, left, within, remedy)
