"""A node's turn when the node has never joined: its service was enabled by a run that died."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from kubernetes.client import ApiException

from deploys.k3s.turns import Turn
from whisklab.engine import kube, services

VERSION = "v1.35.4+k3s1"
HOST: Any = SimpleNamespace(name="w1")


class Api:
    """An API server to which the node w1 comes after some looks; nothing else is there."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def read_node(self, name: str, **_: Any) -> Any:
        self.looks -= 1
        if self.looks >= 0:
            raise ApiException(status=404)
        now = datetime.now(UTC)
        ready = SimpleNamespace(type="Ready", status="True", last_heartbeat_time=now)
        return SimpleNamespace(
            metadata=SimpleNamespace(name=name, annotations=None),
            spec=SimpleNamespace(unschedulable=None),
            status=SimpleNamespace(
                conditions=[ready], node_info=SimpleNamespace(kubelet_version=VERSION)
            ),
        )

    def list_pod_for_all_namespaces(self, **_: Any) -> Any:
        return SimpleNamespace(items=[])


@pytest.fixture
def turn(monkeypatch: pytest.MonkeyPatch) -> Callable[[Api], Turn]:
    """Makes a turn of w1 before this API."""

    def make(api: Api) -> Turn:
        monkeypatch.setattr(kube, "ask", lambda _host, _endpoint, question: question(api))
        monkeypatch.setattr(services, "started_at", lambda _host, _service: 0)
        # deploys.k3s has a function of the module's name.
        monkeypatch.setattr(importlib.import_module(Turn.__module__), "POLL", 0.0)
        endpoint = kube.Endpoint("/kubeconfig", 6443)
        return Turn(HOST, endpoint, "w1", "k3s-agent", VERSION, within=30.0, drain=True)

    return make


def test_what_is_no_node_has_nothing_to_drain(turn: Callable[[Api], Turn]) -> None:
    # The API has no way to change a node: it would fail.
    turn(Api(looks=1)).begin(HOST)


def test_a_node_is_waited_for(turn: Callable[[Api], Turn]) -> None:
    api = Api(looks=3)
    turn(api).settle(HOST)
    assert api.looks < 0
