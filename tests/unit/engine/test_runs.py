"""A run's parts are its own."""

from __future__ import annotations

import pytest
from pyinfra.api.state import State
from pyinfra.context import ctx_state

from whisklab.engine import runs


class Told(list[str]):
    """A part."""


class Other(list[str]):
    """Another one."""


def test_each_run_has_one_part_of_each_kind() -> None:
    first, second = State(), State()
    runs.of(first).part(Told).append("a")
    assert runs.of(first).part(Told) == ["a"]
    assert runs.of(first).part(Other) == []
    assert runs.of(second).part(Told) == []


def test_the_current_one_is_that_of_pyinfras_context() -> None:
    state = State()
    with ctx_state.use(state):
        assert runs.current() is runs.of(state)


def test_a_run_that_was_prepared_is_that_of_its_state() -> None:
    state, run = State(), runs.Run()
    run.part(Told).append("before")
    runs.begin(state, run)
    assert runs.of(state).part(Told) == ["before"]
    with pytest.raises(RuntimeError):
        runs.begin(state, runs.Run())
