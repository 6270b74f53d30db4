"""Acceptance checks of a running platform: each is tried on its hosts, all are reported.

A check that fails does not end the run, so that what the checks left behind is cleaned up and one
report names everything; `verdict` fails the hosts at the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field

from pyinfra import host, logger
from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand
from pyinfra.api.host import Host

from whisklab.engine import runs
from whisklab.engine.runs import Run
from whisklab.engine.ssh.remote import call, fail
from whisklab.errors import WhisklabError


@dataclass(frozen=True)
class Result:
    """How a check ended.

    Attributes:
        host: where it was tried.
        check: its name.
        ok: whether what was expected was seen.
        seconds: how long it took.
        detail: what was seen; why it is not as expected, as one sentence, when it failed.
        measured: numbers by name, for programs.
    """

    host: str
    check: str
    ok: bool
    seconds: float
    detail: str
    measured: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Seen:
    """What a check saw, and the numbers it measured."""

    detail: str
    measured: Mapping[str, float] = field(default_factory=dict)


NOT_TRIED = "not tried, because "
Work = Callable[[Host], str | Seen]


class _Results(list[Result]):
    """Of a run, in the order they came."""


class _Asked(set[str]):
    """The checks on request that a run makes."""


def ask_for(run: Run, further: Iterable[str]) -> None:
    """Have a run make checks that are made on request only."""
    run.part(_Asked).update(further)


def asked(name: str) -> bool:
    """Tell whether a check that is made on request only was asked for."""
    return name in runs.current().part(_Asked)


def results(run: Run) -> tuple[Result, ...]:
    """Return the results of a run so far, in the order they came."""
    return tuple(run.part(_Results))


def failed(names: Iterable[str] = (), *, on: str | None = None) -> list[Result]:
    """Return the run's failed results, of these checks (all), on this host (any)."""
    wanted = set(names)
    return [
        each
        for each in results(runs.current())
        if not each.ok and (not wanted or each.check in wanted) and on in (None, each.host)
    ]


@operation()
def check(
    what: str,
    work: Work,
    after: tuple[str, ...] = (),
    after_everywhere: tuple[str, ...] = (),
) -> Generator[FunctionCommand]:
    """Try one thing on this host, and record how it ended.

    Args:
        what: the check's name in the report.
        work: returns what it saw; raises WhisklabError, one sentence, when that is not right.
        after: checks that must have passed on this host; otherwise it is recorded as not tried.
        after_everywhere: checks that must not have failed on any host.
    """

    def attempt(target: Host) -> None:
        start = time.monotonic()
        missed = failed(after, on=target.name) if after else []
        missed += failed(after_everywhere) if after_everywhere else []
        if missed:
            ok, seen = False, Seen(_not_tried(missed[0]))
        else:
            ok, seen = _tried(work, target)
        if not ok:
            logger.error("%s%s: %s", target.print_prefix, what, seen.detail)
        seconds = time.monotonic() - start
        result = Result(target.name, what, ok, seconds, seen.detail, seen.measured)
        runs.on(target).part(_Results).append(result)

    yield call(attempt)


def _not_tried(missed: Result) -> str:
    """Name the first cause, also after one that was not tried either. Pure."""
    return f"{NOT_TRIED}{missed.detail.removeprefix(NOT_TRIED)}"


def _tried(work: Work, target: Host) -> tuple[bool, Seen]:
    try:
        found = work(target)
    except WhisklabError as error:
        return False, Seen(str(error))
    return True, found if isinstance(found, Seen) else Seen(found)


@operation()
def verdict() -> Generator[FunctionCommand]:
    """Fail this host when one of its checks did."""
    bad = failed(on=host.name)
    if bad:
        yield fail(f"failed: {', '.join(dict.fromkeys(each.check for each in bad))}")
