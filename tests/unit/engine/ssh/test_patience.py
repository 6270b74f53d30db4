"""What takes long says so."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import gevent
import pytest
from pyinfra.api.command import StringCommand

from tests.e2e.progress import without
from whisklab.engine.ssh import locks, patience
from whisklab.engine.ssh.patience import Patient, told
from whisklab.errors import WhisklabError

MANY = 100


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    found: list[str] = []
    monkeypatch.setattr(patience, "tell", found.append)
    monkeypatch.setattr(patience, "TOLD_EVERY", 0.01)
    return found


def host(names: set[str]) -> Any:
    state = SimpleNamespace(get_op_meta=lambda _: SimpleNamespace(names=names))
    return SimpleNamespace(name="w1", executing_op_hash="op" if names else None, state=state)


def until_said(said: list[str], count: int) -> None:
    for _ in range(MANY):
        if len(said) >= count:
            return
        gevent.sleep(0.01)
    raise AssertionError(said)


def test_it_says_what_and_what_for(monkeypatch: pytest.MonkeyPatch, said: list[str]) -> None:
    asked: list[bool] = []

    def run(_: Any, __: StringCommand) -> str:
        asked.append(locks.is_changing())
        return "first\nprocess 7 has the lock\n"

    monkeypatch.setattr(patience, "run_quietly", run)
    command = Patient(StringCommand("apt-get", "update"), StringCommand("who"))
    with locks.changing(), told(host({"Packages"}), command):
        until_said(said, 2)
    count = len(said)
    gevent.sleep(0.05)
    assert len(said) == count  # it has ended
    assert all(each.startswith("w1: Packages, ") for each in said)
    assert all(each.endswith(" s: process 7 has the lock") for each in said)
    assert without("\n".join(said)) == []
    assert not any(asked)  # to ask needs no lock


def test_without_anything_to_ask_or_an_answer(
    monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    def run(_: Any, __: StringCommand) -> str:
        raise WhisklabError("no answer")

    monkeypatch.setattr(patience, "run_quietly", run)
    with told(host(set()), Patient(StringCommand("a"), StringCommand("b"))):
        until_said(said, 1)
    with told(host(set()), StringCommand("a")):
        until_said(said, len(said) + 1)
    assert {each.rpartition(", ")[0] for each in said} == {"w1: a command runs"}
    assert without("\n".join(said)) == []  # end-to-end tests know it as progress


def test_what_is_quick_says_nothing(said: list[str]) -> None:
    with told(host({"a"}), StringCommand("a")):
        pass
    gevent.sleep(0.05)
    assert said == []
