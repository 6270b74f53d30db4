"""How the end-to-end tests run: by file, three at a time, longest first, each on a lab cloned."""

from __future__ import annotations

import os
import signal
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import pytest
from xdist import is_xdist_worker
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from tests.e2e import bases, differences, draw, running, spent
from tests.e2e.cluster.site import REPOSITORY

READABLE = 2000  # characters of a value
# What has failed so far: a run takes long, and pytest tells of failures at its end.
FAILURES = REPOSITORY / ".lab/failures.txt"

_testing: dict[str, float] = defaultdict(float)


class ByFile(LoadScopeScheduling):
    """Gives all tests of a file to one process (`pytest -n 3`), in the order of their collection.

    (Its own way to do so, the mark `xdist_group`, has no effect with pytest 9.2.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByFile:
    """Have xdist use it."""
    config.option.loadscopereorder = False
    return ByFile(config, log)


def file_of(item: pytest.Item) -> str:
    """The file of a test, relative to the repository."""
    return str(Path(item.path).relative_to(REPOSITORY))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Put the files first that took longest in the last run; unknown ones before them.

    What was not drawn is left out, see `draw.py`.
    """
    known = spent.known()
    out = set(draw.now(spent.usual()))
    config.hook.pytest_deselected(items=[item for item in items if file_of(item) in out])
    items[:] = [item for item in items if file_of(item) not in out]
    items.sort(key=lambda item: -known.get(file_of(item), float("inf")))


def pytest_sessionstart(session: pytest.Session) -> None:
    """Take down what a killed run has left; have a SIGTERM end this one in an orderly way."""
    if not is_xdist_worker(session):
        running.end_leftovers(bases.STATE)
        bases.forget_failed()
        spent.forget()
        FAILURES.unlink(missing_ok=True)
        signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Add up what the tests of each file take; write down what failed, at once."""
    _testing[report.nodeid.partition("::")[0]] += report.duration
    if report.failed and "PYTEST_XDIST_WORKER" not in os.environ:
        FAILURES.parent.mkdir(parents=True, exist_ok=True)
        with FAILURES.open("a") as file:
            file.write(f"{report.nodeid}\n{report.longreprtext}\n\n")


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(session: pytest.Session) -> Iterator[None]:
    """Leave no lab up, however this run ends; xdist's part of this ends the workers first."""
    try:
        yield
    finally:
        if not is_xdist_worker(session):
            for lab in running.end_leftovers(bases.STATE, ours=True):
                print(f"taken down: {lab}")


def pytest_assertrepr_compare(op: str, left: object, right: object) -> list[str] | None:
    """Of states that should be equal, say what differs and not all that they are."""
    if op != "==" or type(left) is not type(right) or len(repr(left)) < READABLE:
        return None
    if found := differences.told(left, right):
        return ["the same state twice, which differs:", *found]
    return None


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print what tests have recorded as the property `said`, and where the time went."""
    for report in terminalreporter.stats.get("passed", []):
        for text in (text for name, text in report.user_properties if name == "said"):
            terminalreporter.write_line(text)
    if out := draw.now(spent.usual()):
        seed = os.environ[draw.SEED]
        terminalreporter.section(f"not drawn this time (seed {seed}); `make e2e` runs them")
        for file in out:
            terminalreporter.write_line(file)
    if _testing:
        times = spent.collect(_testing)
        spent.keep(times)
        terminalreporter.section("where the time went")
        for line in spent.table(times):
            terminalreporter.write_line(line)


@pytest.fixture(scope="module")
def test_file(request: pytest.FixtureRequest) -> str:
    """The test file, relative to the repository."""
    return str(Path(request.path).relative_to(REPOSITORY))


@pytest.fixture(scope="module")
def lab_name(test_file: str) -> Iterator[str]:
    """A name for the lab of this file, written down while it may be up."""
    word = "".join(
        letter for letter in Path(test_file).stem.removeprefix("test_") if letter.isalnum()
    )
    name = f"{word[:10]}-{os.getpid()}"
    with running.noted(name, bases.STATE):
        yield name
