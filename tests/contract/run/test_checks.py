"""Checks and what is told of a platform never end a run before its verdict does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from pyinfra.api import State
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.operation import add_op
from pyinfra.api.operations import run_ops
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_state

from tests.contract.test_file_operations import with_local_state
from whisklab.engine import runs
from whisklab.engine.run import checks, overview
from whisklab.engine.run.checks import Result, Seen
from whisklab.engine.run.overview import Line
from whisklab.errors import WhisklabError

Step = tuple[Any, dict[str, Any]]


def carried_out(*steps: Step) -> tuple[list[Result], list[Line], bool]:
    """Prepare operations, which tries nothing, and execute them; whether the host failed."""

    def work(state: State) -> tuple[list[Result], list[Line], bool]:
        failed = False
        with ctx_state.use(state):
            state.set_stage(StateStage.Prepare)
            for operation, given in steps:
                add_op(state, operation, **given)
            run = runs.of(state)
            assert (checks.results(run), overview.lines(run)) == ((), ())
            state.set_stage(StateStage.Execute)
            try:
                run_ops(state)
            except PyinfraError:  # no host is left
                failed = True
        return list(checks.results(run)), list(overview.lines(run)), failed

    found: tuple[list[Result], list[Line], bool] = with_local_state(work)
    return found


def fails(_: object) -> str:
    raise WhisklabError("it is not there: make it")


def check(what: str, work: Callable[[Any], str | Seen], **more: Any) -> Step:
    return checks.check, {"what": what, "work": work, **more}


VERDICT: Step = (checks.verdict, {})


def test_all_are_tried_and_a_good_one_is_no_failure() -> None:
    first = check("one", lambda _: "seen")
    found, _, failed = carried_out(
        first, check("two", lambda _: Seen("fast", {"ms": 1.5})), VERDICT
    )
    assert [(each.check, each.ok, each.detail) for each in found] == [
        ("one", True, "seen"), ("two", True, "fast")
    ]  # fmt: skip
    assert (found[1].measured, failed) == ({"ms": 1.5}, False)


@pytest.mark.parametrize("how", ["after", "after_everywhere"])
def test_after_one_that_failed_others_go_on_but_those_that_need_it(
    how: str, caplog: pytest.LogCaptureFixture
) -> None:
    steps = [
        check("one", fails),
        check("two", lambda _: "seen", **{how: ("one",)}),
        check("three", lambda _: "seen", **{how: ("two",)}),
        check("four", lambda _: "seen"),
    ]
    found, _, failed = carried_out(*steps)
    not_tried = "not tried, because it is not there: make it"
    assert [(each.ok, each.detail) for each in found] == [
        (False, "it is not there: make it"), (False, not_tried), (False, not_tried), (True, "seen"),
    ]  # fmt: skip
    assert not failed
    assert "[@local] one: it is not there: make it" in caplog.text


def test_the_verdict_fails_the_host_and_names_them(caplog: pytest.LogCaptureFixture) -> None:
    *_, failed = carried_out(check("one", fails), check("two", fails), check("one", fails), VERDICT)
    assert failed
    assert "[@local] failed: one, two" in caplog.text


def test_what_is_told_is_in_its_order_and_what_cannot_be_asked_is_not_ok() -> None:
    line = Line("nodes", "m1", ok=True, detail="Ready")
    told = [(overview.tell, {"topic": "nodes", "work": lambda _: [line]}),
            (overview.tell, {"topic": "storage", "work": fails})]  # fmt: skip
    _, lines, failed = carried_out(*told)
    assert lines == [line, Line("storage", "@local", ok=False, detail="it is not there: make it")]
    assert not failed
