"""`helm test` on request: what it says, and that its pods are gone afterwards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from whisklab.engine.helm import program, tests
from whisklab.engine.helm.records import Cluster
from whisklab.engine.helm.release import Revision
from whisklab.engine.kubernetes import kube
from whisklab.errors import WhisklabError

HOOKS = [
    {"kind": "Pod", "name": "owdev-tests-smoketest", "events": ["test"]},
    {"kind": "Job", "name": "owdev-other", "events": ["pre-upgrade"]},
]
POD = "/api/v1/namespaces/openwhisk/pods/owdev-tests-smoketest"
SERVER: Any = None  # helm and the API are replaced


class Fake:
    """helm and the API of one release."""

    def __init__(self, hooks: list[dict[str, Any]], code: int, phase: str) -> None:
        self.hooks, self.code = hooks, code
        self.there: dict[str, Any] = {POD: {"status": {"phase": phase}}}
        self.ran: list[Sequence[str]] = []

    def helm(self, _: Any, __: str, arguments: Sequence[str], ___: bytes, **how: Any) -> Any:
        assert how == {"changing": True}
        self.ran.append(arguments)
        return program.Answer(self.code, "", "Error: pod owdev-tests-smoketest failed\n")

    def request(self, _: Any, __: Any, method: str, path: str, *___: Any, **____: Any) -> Any:
        if path.startswith(f"{POD}/log"):
            return "no action\nanswers\n"
        if path not in self.there:
            raise kube.Refused(404, "not found")
        return self.there.pop(path) if method == "DELETE" else self.there[path]


def go(monkeypatch: pytest.MonkeyPatch, fake: Fake) -> list[str]:
    monkeypatch.setattr(program, "helm", fake.helm)
    monkeypatch.setattr(kube, "request", fake.request)
    latest = Revision("s", {"hooks": fake.hooks})
    monkeypatch.setattr(Cluster, "latest", lambda *_: latest)
    return tests.tested(SERVER, kube.Endpoint("", 0), "owdev", "openwhisk")


def test_it_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(HOOKS, 0, "Succeeded")
    assert go(monkeypatch, fake) == ["owdev-tests-smoketest"]
    assert fake.ran == [["test", "owdev", "--namespace", "openwhisk", "--timeout", "300s"]]
    assert fake.there == {}


def test_it_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(HOOKS, 1, "Failed")
    with pytest.raises(WhisklabError) as raised:
        go(monkeypatch, fake)
    assert str(raised.value) == (
        "pod owdev-tests-smoketest failed: owdev-tests-smoketest says no action answers"
    )
    assert fake.there == {}


def test_there_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = Fake(HOOKS[1:], 0, "")
    with pytest.raises(WhisklabError, match="release owdev has no tests"):
        go(monkeypatch, fake)
    assert fake.ran == []
