"""A node's turn when the node has never joined: its service was enabled by a run that died."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from deploys.k3s.turns import Turn
from whisklab.engine import kube, services

VERSION = "v1.35.4+k3s1"
HOST: Any = SimpleNamespace(name="w1")


class Api:
    """An API server to which the node w1 comes after some looks; nothing else is there."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def request(self, _: Any, __: Any, method: str, path: str, *_more: Any, **_how: Any) -> Any:
        assert method == "GET", "nothing is to be changed"
        if path == "/api/v1/pods":
            return {"items": []}
        assert path == "/api/v1/nodes/w1"
        self.looks -= 1
        if self.looks >= 0:
            raise kube.Refused(404, "not found")
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": now}
        return {
            "metadata": {"name": "w1"},
            "spec": {},
            "status": {"conditions": [ready], "nodeInfo": {"kubeletVersion": VERSION}},
        }


@pytest.fixture
def turn(monkeypatch: pytest.MonkeyPatch) -> Callable[[Api | Draining], Turn]:
    """Makes a turn of w1 before this API."""

    def make(api: Api | Draining) -> Turn:
        monkeypatch.setattr(kube, "request", api.request)
        monkeypatch.setattr(services, "started_at", lambda _host, _service: 0)
        # deploys.k3s has a function of the module's name.
        monkeypatch.setattr(importlib.import_module(Turn.__module__), "POLL", 0.0)
        endpoint = kube.Endpoint("/kubeconfig", 6443)
        return Turn(HOST, endpoint, "w1", "k3s-agent", VERSION, within=30.0, drain=True)

    return make


def test_what_is_no_node_has_nothing_to_drain(turn: Callable[[Api], Turn]) -> None:
    turn(Api(looks=1)).begin(HOST)


def test_a_node_is_waited_for(turn: Callable[[Api], Turn]) -> None:
    api = Api(looks=3)
    turn(api).settle(HOST)
    assert api.looks < 0


class Draining:
    """An API server whose controllers see a cordon after some looks at the node."""

    def __init__(self, looks: int) -> None:
        self.looks = looks
        self.cordoned = False
        self.pods: list[dict[str, Any]] = [
            {
                "metadata": {
                    "name": "web", "namespace": "default", "uid": "u",
                    "ownerReferences": [{"controller": True, "kind": "ReplicaSet", "uid": "r"}],
                },
                "spec": {"nodeName": "w1"},
            }
        ]  # fmt: skip

    def request(self, _: Any, __: Any, method: str, path: str, *_more: Any, **_how: Any) -> Any:
        if path.endswith("/pods"):
            return {"items": self.pods}
        if path.endswith("/eviction"):
            assert self.seen, "the controllers had not seen the cordon"
            self.pods = []
            return {}
        assert path == "/api/v1/nodes/w1"
        if method == "PATCH":
            self.cordoned = True
            return {}
        self.looks -= self.cordoned
        taints = [{"key": "node.kubernetes.io/unschedulable"}] if self.seen else []
        return {"metadata": {"name": "w1"}, "spec": {"taints": taints}}

    @property
    def seen(self) -> bool:
        return self.looks < 0


def test_nothing_is_evicted_before_the_controllers_have_seen_the_cordon(
    turn: Callable[[Draining], Turn],
) -> None:
    api = Draining(looks=3)
    turn(api).begin(HOST)
    assert api.pods == []
