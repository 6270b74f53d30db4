"""A fact is asked once, until a command may have changed it."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api import FactBase
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_host, ctx_state

from whisklab.engine import looks
from whisklab.engine.connector import WhiskSSH


class Number(FactBase[int]):
    """Only its name matters here."""


@pytest.fixture
def stub() -> Iterator[Any]:
    """A host whose facts count how often they were asked."""
    asked: list[dict[str, Any]] = []

    def get_fact(fact: object, **arguments: Any) -> int:
        asked.append(arguments)
        return len(asked)

    state: Any = SimpleNamespace(current_stage=StateStage.Prepare)
    host: Any = SimpleNamespace(get_fact=get_fact, state=state, name="x")
    host.connector = WhiskSSH.__new__(WhiskSSH)
    with ctx_state.use(state), ctx_host.use(host):
        yield host


def test_equal_questions_are_asked_once(stub: Any) -> None:
    assert [looks.once(Number, path="/a") for _ in range(3)] == [1, 1, 1]
    assert looks.once(Number, path="/b") == 2
    assert looks.once(Number, path="/a") == 1


def test_a_change_and_a_new_stage_make_answers_old(stub: Any) -> None:
    assert looks.once(Number) == 1
    stub.connector.changes += 1
    assert [looks.once(Number), looks.once(Number)] == [2, 2]
    stub.state.current_stage = StateStage.Execute
    assert [looks.once(Number), looks.once(Number)] == [3, 3]


def test_another_connector_asks_each_time(stub: Any) -> None:
    stub.connector = None
    assert [looks.once(Number), looks.once(Number)] == [1, 2]
