"""The one loop of waiting, and objects that must go."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from whisklab.engine.kubernetes import kube, waiting
from whisklab.engine.kubernetes.client import Client
from whisklab.engine.kubernetes.waiting import Overdue, gone, wait
from whisklab.errors import WhisklabError

HOST: Any = SimpleNamespace(name="master", state=SimpleNamespace())
CLIENT = Client(HOST, kube.Endpoint("/kubeconfig", 6443))
NO_IMAGE = "failed to pull image docker.io/rancher/mirrored-pause:3.6: no such host"
JOB = "/apis/batch/v1/namespaces/a/jobs/work"


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No pauses; what is told, and at each look."""
    found: list[str] = []
    monkeypatch.setattr(waiting, "POLL", 0.0)
    monkeypatch.setattr(waiting, "TOLD_EVERY", -1.0)
    monkeypatch.setattr(waiting, "tell", found.append)
    return found


def one_by_one(*answers: str | Exception | None) -> Callable[[], str | None]:
    """A problem that has these answers in a row; there are no more looks."""
    left: Iterator[str | Exception | None] = iter(answers)

    def problem() -> str | None:
        answer = next(left)
        if isinstance(answer, Exception):
            raise answer
        return answer

    return problem


def test_who_waits_is_told_the_causes_then_and_at_the_end(told: list[str]) -> None:
    with pytest.raises(Overdue) as caught:
        wait(HOST, lambda: "0 of 1 are ready", 0.05, "see there", causes=lambda: [NO_IMAGE])
    assert str(caught.value) == f"after 0 s still 0 of 1 are ready; {NO_IMAGE}: see there"
    assert set(told) == {f"master: waiting, 0 s: 0 of 1 are ready; {NO_IMAGE}"}


def test_an_api_that_is_away_is_waited_for(told: list[str]) -> None:
    wait(HOST, one_by_one(kube.Unreachable("away"), kube.Faulted("ill"), None), 30.0, "see there")
    assert told == ["master: waiting, 0 s: away", "master: waiting, 0 s: ill"]


def test_what_a_look_raises_ends_the_waiting() -> None:
    with pytest.raises(WhisklabError, match="a pod cannot start"):
        wait(HOST, one_by_one("no", WhisklabError("a pod cannot start")), 30.0, "see there")


def test_it_must_be_well_in_a_row() -> None:
    wait(HOST, one_by_one(None, None, "no", None, None, None), 30.0, "see there", steady=3)


def test_time_that_is_over_ends_no_waiting_in_which_all_is_well() -> None:
    wait(HOST, one_by_one(None, None, None), 0.0, "see there", steady=3)


def test_how_long_it_must_be_well_may_depend_on_what_was_seen() -> None:
    enough = iter([2, 2, 3, 3])
    wait(HOST, one_by_one("no", None, None, None), 30.0, "see there", steady=enough.__next__)


def test_objects_are_waited_for_until_they_are_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = iter([{}, {}, kube.Refused(404, "not found")])

    def request(*_: Any, **__: Any) -> Any:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(kube, "request", request)
    gone(CLIENT, {JOB: "Job work"}, 30.0, "see there")
    assert next(answers, None) is None


def test_one_that_stays_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def request(_: Any, __: Any, ___: str, path: str, *____: Any, **_____: Any) -> Any:
        if path != JOB:
            raise kube.Refused(404, "not found")
        return {}

    monkeypatch.setattr(kube, "request", request)
    with pytest.raises(Overdue, match="^after 0 s still there: Job work: see there$"):
        gone(CLIENT, {"/other": "another one", JOB: "Job work"}, 0.0, "see there")
