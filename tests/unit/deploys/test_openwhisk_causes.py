"""What Kubernetes says of pods that the invoker has deleted already."""

from __future__ import annotations

from typing import Any

import pytest

from deploys.openwhisk import causes
from deploys.openwhisk.hints import DISK, IMAGES, PLACES
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import Client
from whisklab.engine.kubernetes.stuck import WIDEST

ACTION = "whisklab-verify-1a2b3c4d"
REAL = "wskowdevinvoker0-12-guest-whisklabverify1a2b3c4d"  # as upstream's invoker names them
HOST: Any = None  # who asks is not looked at
PULL = 'Failed to pull image "docker.io/openwhisk/action-nodejs-v14:9.9.9": not found.'


def event(pod: str, reason: str, message: str, at: int, **more: Any) -> dict[str, Any]:
    return {"involvedObject": {"kind": "Pod", "name": pod}, "type": "Warning", "reason": reason,
            "message": message, "lastTimestamp": f"2026-01-01T00:00:{at:02}Z", **more}  # fmt: skip


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {"events": [], "resourcequotas": []}

    def request(_host: Any, _api: Any, method: str, path: str, *_: Any) -> Any:
        assert method == "GET"
        assert path.startswith("/api/v1/namespaces/openwhisk/")
        return {"items": found[path.split("/")[5].partition("?")[0]]}

    monkeypatch.setattr(kube, "request", request)
    return found


def why() -> str | None:
    return causes.of_pods(Client(HOST, kube.Endpoint("", 0)), "openwhisk", ACTION)


def test_the_last_cause_of_its_own_pods_is_told(answers: dict[str, list[Any]]) -> None:
    answers["events"] = [
        event("wskowdevinvoker0-9-guest-other", "Failed", "of another action", 9),
        event(REAL, "Failed", PULL, 3, source={"host": "worker2"}),
        event(REAL, "Failed", "Error: ErrImagePull", 2, source={"host": "worker2"}),
        event(REAL, "BackOff", "Back-off pulling image", 5, source={"host": "worker2"}),
        event("wskowdevinvoker0-1-prewarm-nodejs14", "Failed", "nobody's", 8),
    ]
    assert why() == f"its pod {REAL} on worker2: Failed: {PULL.rstrip('.')}: {IMAGES}"


def test_who_waits_for_the_first_action_is_told_of_any(answers: dict[str, list[Any]]) -> None:
    """There may be no pod of one then; the components' own troubles are told elsewhere."""
    warm = "wskowdevinvoker0-1-prewarm-nodejs14"
    cluster = Client(HOST, kube.Endpoint("", 0))
    answers["events"] = [event("owdev-invoker-0", "Unhealthy", "a probe", 9)]
    assert causes.of_actions(cluster, "openwhisk") == []
    answers["events"] += [event(warm, "Failed", PULL, 3), event(warm, "BackOff", "Back-off", 7)]
    assert causes.of_actions(cluster, "openwhisk") == [
        f"no action has run yet: its pod {warm}: Failed: {PULL.rstrip('.')}: {IMAGES}"
    ]


def test_an_image_that_finds_no_room_is_a_matter_of_the_disk(answers: dict[str, list[Any]]) -> None:
    said = f"{PULL} {'x' * WIDEST}: write /a: no space left on device"
    answers["events"] = [event(REAL, "Failed", said, 1)]
    assert str(why()).endswith(DISK)


def test_no_node_takes_it(answers: dict[str, list[Any]]) -> None:
    said = "0/3 nodes are available: 3 Insufficient memory."
    scheduler = {"source": {"component": "default-scheduler"}}
    answers["events"] = [event(REAL, "FailedScheduling", said, 1, **scheduler)]
    assert why() == f"its pod {REAL}: FailedScheduling: {said.rstrip('.')}: {PLACES}"


def test_a_quota_that_lets_no_pod_be_made_is_told(answers: dict[str, list[Any]]) -> None:
    status = {"hard": {"pods": "10", "cpu": "2"}, "used": {"pods": "10"}}
    answers["resourcequotas"] = [{"metadata": {"name": "small"}, "status": status}]
    assert why() == "no pod was made; ResourceQuota small: pods 10 of 10, cpu ? of 2"


def test_nothing_is_made_up(answers: dict[str, list[Any]]) -> None:
    assert why() is None


@pytest.mark.parametrize(
    ("pod", "same"),
    [
        (REAL, True),
        (f"wsk0-ab-3-guest-{ACTION}", True),  # the stand-in's
        (f"{REAL}0", False),
        ("wskowdevinvoker0-12-guest-whisklabverify1a2b3c4e", False),
    ],
)
def test_whose_pod_it_is(pod: str, same: bool) -> None:
    assert causes.is_of(pod, ACTION) is same
