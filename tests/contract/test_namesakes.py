"""A new machine whose name the cluster knows: the other one is forgotten only when it is gone."""

from __future__ import annotations

from typing import Any

import pytest
from pyinfra.api.exceptions import PyinfraError

from deploys.k3s import namesakes
from tests.contract.test_file_operations import run
from whisklab.engine.kubernetes import kube, waiting

NAME = "@local"
NODE = f"/api/v1/nodes/{NAME}"
SECRET = f"/api/v1/namespaces/kube-system/secrets/{NAME}.node-password.k3s"


class Api:
    """An API server with a node that is Ready for some looks, and the secret of its password."""

    def __init__(self, *there: str, looks: float, then: str | None = "Unknown") -> None:
        self.there, self.looks, self.then = set(there), looks, then
        self.asked = 0

    def request(self, _: Any, __: Any, method: str, path: str, *_more: Any, **_how: Any) -> Any:
        if path == NODE and method == "GET":
            self.asked += 1
            if self.asked > self.looks and self.then is None:
                self.there.discard(NODE)
        if path not in self.there:
            raise kube.Refused(kube.NOT_FOUND, "not found")
        if method == "DELETE":
            self.there.remove(path)
        ready = "True" if self.asked <= self.looks else self.then
        return {"status": {"conditions": [{"type": "Ready", "status": ready}]}}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits have no pauses."""
    monkeypatch.setattr(waiting, "POLL", 0.0)


def forget(monkeypatch: pytest.MonkeyPatch, api: Any) -> bool:
    """Whether the operation did something, before this API."""
    monkeypatch.setattr(kube, "request", api.request)
    endpoint = kube.Endpoint("/kubeconfig", 6443)
    return run(namesakes.forgotten, leader=None, api=endpoint)


@pytest.mark.parametrize("then", ["Unknown", "False", None])
def test_one_that_is_gone_is_forgotten_as_soon_as_it_is_not_ready(
    monkeypatch: pytest.MonkeyPatch, then: str | None
) -> None:
    api = Api(NODE, SECRET, looks=7, then=then)
    assert forget(monkeypatch, api)
    assert api.there == set()
    assert api.asked > 7


def test_one_that_works_stays_and_the_machine_is_refused(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(namesakes, "GONE_WITHIN", 0.05)
    api = Api(NODE, SECRET, looks=float("inf"))
    with pytest.raises(PyinfraError):
        forget(monkeypatch, api)
    assert api.there == {NODE, SECRET}
    said = f"still the node {NAME} is Ready, and it is another machine than this one: see where"
    assert any(said in each for each in caplog.messages)


def test_a_password_without_a_node_is_forgotten_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Api(SECRET, looks=0)
    assert forget(monkeypatch, api)
    assert api.there == set()


def test_a_name_that_nobody_has_needs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not forget(monkeypatch, Api(looks=0))


def test_a_cluster_that_begins_knows_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    class Silent:
        def request(self, *_: Any, **__: Any) -> Any:
            raise kube.NoCluster("it has never run")

    assert not forget(monkeypatch, Silent())
