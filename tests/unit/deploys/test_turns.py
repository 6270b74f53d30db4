"""A node's turn when the node has never joined: its service was enabled by a run that died."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from deploys.k3s.turns import Turn
from whisklab.engine.kubernetes import kube, waiting
from whisklab.engine.resources import units
from whisklab.errors import WhisklabError

VERSION = "v1.35.4+k3s1"
HOST: Any = SimpleNamespace(name="w1", state=SimpleNamespace())


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
        monkeypatch.setattr(units, "started_at", lambda _host, _service: 0)
        monkeypatch.setattr(waiting, "POLL", 0.0)
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


class Only(Draining):
    """One where the pod may run on w1 alone: it is there again once the node takes pods."""

    def __init__(self) -> None:
        super().__init__(looks=1)
        self.made, self.runs = self.pods, True

    def request(self, _: Any, __: Any, method: str, path: str, *more: Any, **_how: Any) -> Any:
        if path.endswith("/pods"):
            bound = {"nodeName": "w1"} if self.runs else {}
            ready = {"type": "Ready", "status": "True" if self.runs else "False"}
            return {"items": [
                {**pod, "spec": bound, "status": {"conditions": [ready]}} for pod in self.made
            ]}  # fmt: skip
        if path.endswith("/eviction"):
            self.runs = False
            return {}
        if method == "PATCH":
            self.cordoned = bool(more[0]["spec"]["unschedulable"])
            self.runs = self.runs or not self.cordoned
            return {}
        node = super().request(_, __, method, path)
        ours = {"whisklab.dev/cordoned": "yes"} if self.cordoned else {}
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": now}
        status = {"conditions": [ready], "nodeInfo": {"kubeletVersion": VERSION}}
        return {**node, "metadata": {"name": "w1", "annotations": ours}, "status": status}


def test_a_pod_that_runs_nowhere_else_is_waited_for_when_the_node_takes_pods(
    turn: Callable[[Draining], Turn],
) -> None:
    api = Only()
    its = turn(api)
    its.begin(HOST)
    assert (api.cordoned, api.runs) == (True, False)
    its.settle(HOST)
    assert (api.cordoned, api.runs) == (False, True)


def test_nothing_is_evicted_before_the_controllers_have_seen_the_cordon(
    turn: Callable[[Draining], Turn],
) -> None:
    api = Draining(looks=3)
    turn(api).begin(HOST)
    assert api.pods == []


class Kept(Draining):
    """One whose pod a disruption budget never lets go."""

    def request(self, _: Any, __: Any, method: str, path: str, *more: Any, **how: Any) -> Any:
        if path.endswith("/eviction"):
            # As Kubernetes 1.36 says it (pkg/registry/core/pod/storage/eviction.go).
            cause = {"reason": "DisruptionBudget", "message": (
                "The disruption budget web needs 1 healthy pods and has 1 currently")}  # fmt: skip
            said = {"message": "Cannot evict pod as it would violate the pod's disruption budget.",
                    "details": {"causes": [cause]}}  # fmt: skip
            raise kube.refused(json.dumps(said), 429)
        return super().request(_, __, method, path, *more, **how)


def test_a_disruption_budget_that_never_allows_it_is_named(
    turn: Callable[[Draining], Turn],
) -> None:
    its = replace(turn(Kept(looks=0)), within=0.0)
    budget = "The disruption budget web needs 1 healthy pods and has 1 currently"
    with pytest.raises(WhisklabError, match=rf"still on w1: default/web \({budget}\): see what"):
        its.begin(HOST)


@pytest.mark.parametrize(
    "text", ["", "oops", "[]", '{"message": 1}', '{"details": {"causes": []}}']
)
def test_an_answer_that_is_no_status_is_passed_on(text: str) -> None:
    error = kube.refused(text, 503)
    assert (error.status, error.causes) == (503, ())
    assert str(error)
