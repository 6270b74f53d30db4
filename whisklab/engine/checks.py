"""Acceptance checks of a running platform: each is tried on its hosts, all are reported.

A check that fails does not end the run, so that what the checks left behind is cleaned up and one
report names everything; `verdict` fails the hosts at the end.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable
from dataclasses import dataclass

from pyinfra import host, logger
from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand
from pyinfra.api.host import Host

from whisklab.engine.remote import call, fail
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
    """

    host: str
    check: str
    ok: bool
    seconds: float
    detail: str


_results: list[Result] = []


def results() -> tuple[Result, ...]:
    """Return the results of the run so far, in the order they came."""
    return tuple(_results)


def forget() -> None:
    """Forget all results; a new run begins."""
    _results.clear()


def failed(names: Iterable[str] = (), *, on: str | None = None) -> list[Result]:
    """Return the failed results, of these checks (all), on this host (any)."""
    wanted = set(names)
    return [
        each
        for each in _results
        if not each.ok and (not wanted or each.check in wanted) and on in (None, each.host)
    ]


@operation()
def check(
    what: str,
    work: Callable[[Host], str],
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
            ok, detail = False, f"not tried, because {missed[0].detail}"
        else:
            ok, detail = _tried(work, target)
        if not ok:
            logger.error("%s%s: %s", target.print_prefix, what, detail)
        _results.append(Result(target.name, what, ok, time.monotonic() - start, detail))

    yield call(attempt)


def _tried(work: Callable[[Host], str], target: Host) -> tuple[bool, str]:
    try:
        return True, work(target)
    except WhisklabError as error:
        return False, str(error)


@operation()
def verdict() -> Generator[FunctionCommand]:
    """Fail this host when one of its checks did."""
    bad = failed(on=host.name)
    if bad:
        yield fail(f"failed: {', '.join(dict.fromkeys(each.check for each in bad))}")
