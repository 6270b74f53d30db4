"""How checks are reported."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pyinfra.api.state import State
from pyinfra.context import ctx_state

from whisklab.cli.verify import table
from whisklab.engine import runs
from whisklab.engine.run import checks
from whisklab.engine.run.checks import Result
from whisklab.engine.runs import Run
from whisklab.errors import WhisklabError

HOST: Any = None  # the works of these tests do not look at it

GOOD = Result("master", "nodes are Ready", ok=True, seconds=0.123, detail="3 nodes")
BAD = Result("worker1", "mounts /srv", ok=False, seconds=20, detail="storage does not answer")


@pytest.fixture
def run() -> Iterator[Run]:
    """A run that has two results."""
    state = State()
    with ctx_state.use(state):
        found = runs.of(state)
        found.part(checks._Results).extend([GOOD, BAD])
        yield found


@pytest.mark.usefixtures("run")
def test_failed_checks_are_found_by_name_and_host() -> None:
    assert checks.failed() == [BAD]
    assert checks.failed(["mounts /srv"], on="worker1") == [BAD]
    assert checks.failed(["nodes are Ready"]) == []
    assert checks.failed(on="master") == []


def test_a_new_run_has_none(run: Run) -> None:
    assert len(checks.results(run)) == 2
    assert checks.results(Run()) == ()
    assert table(()) == []


def test_what_is_not_tried_names_the_first_cause() -> None:
    assert checks._not_tried(BAD) == "not tried, because storage does not answer"
    after = replace(BAD, detail=checks._not_tried(BAD))
    assert checks._not_tried(after) == checks._not_tried(BAD)


def test_numbers_are_kept_for_programs() -> None:
    def measure(_: object) -> checks.Seen:
        return checks.Seen("fast", {"cold_ms": 1.5})

    def look(_: object) -> str:
        return "there"

    def miss(_: object) -> str:
        raise WhisklabError("it is not there")

    assert checks._tried(measure, HOST) == (True, checks.Seen("fast", {"cold_ms": 1.5}))
    assert checks._tried(look, HOST) == (True, checks.Seen("there"))
    assert checks._tried(miss, HOST) == (False, checks.Seen("it is not there"))


def test_a_check_on_request(run: Run) -> None:
    assert not checks.asked("helm-test")
    checks.ask_for(run, ["helm-test"])
    assert checks.asked("helm-test")
    with ctx_state.use(State()):
        assert not checks.asked("helm-test")


def test_the_table_has_a_line_for_each(run: Run) -> None:
    assert table(checks.results(run)) == [
        "master   nodes are Ready  ok        0.12 s  3 nodes",
        "worker1  mounts /srv      FAILED   20.00 s  storage does not answer",
    ]
