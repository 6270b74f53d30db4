"""What k3s brings itself, when it does not become ready."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from deploys.k3s import packed
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import Client

HOST: Any = SimpleNamespace(name="master", state=SimpleNamespace())
CLUSTER = Client(HOST, kube.Endpoint("/kubeconfig", 6443))
NO_IMAGE = "failed to pull image docker.io/rancher/mirrored-pause:3.6: no such host"


def _pod(name: str, *, ready: bool) -> dict[str, Any]:
    waiting = {"name": "c", "state": {"waiting": {"reason": "ContainerCreating"}}, "ready": ready}
    condition = {"type": "Ready", "status": str(ready)}
    return {
        "metadata": {"name": name, "uid": f"u-{name}"},
        "status": {"phase": "Pending", "conditions": [condition], "containerStatuses": [waiting]},
    }


def _answers(_: Any, __: Any, method: str, path: str, *_more: Any, **_how: Any) -> Any:
    assert method == "GET"
    if path.endswith("/pods"):
        return {"items": [_pod("coredns", ready=False), _pod("traefik", ready=True)]}
    assert "name%3Dcoredns" in path, "only of what is not ready it is asked why"
    times = ("2026-11-30T05:00:02Z", "2026-11-30T05:00:01Z")
    events = (("FailedCreatePodSandBox", NO_IMAGE), ("Scheduled", "assigned to master"))
    return {"items": [
        {"lastTimestamp": time, "reason": reason, "message": message}
        for time, (reason, message) in zip(times, events, strict=True)
    ]}  # fmt: skip


def test_a_pod_that_is_not_ready_is_told_with_its_last_event(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(kube, "request", _answers)
    assert packed.causes(CLUSTER) == [
        "pod coredns: ContainerCreating (container c)",
        f"event of coredns: FailedCreatePodSandBox: {NO_IMAGE}",
    ]


def test_an_api_that_is_away_gives_no_cause(monkeypatch: pytest.MonkeyPatch) -> None:
    def away(*_: Any, **__: Any) -> Any:
        raise kube.Refused(503, "no leader")

    monkeypatch.setattr(kube, "request", away)
    assert packed.causes(CLUSTER) == []
