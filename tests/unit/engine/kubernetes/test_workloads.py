"""What is read from pods and workloads; what a drain moves is tried with k3s's turns."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from whisklab.engine.kubernetes.workloads import controller, is_from_before, unready, workload


def test_what_controls_a_pod() -> None:
    other = {"kind": "Node", "uid": "n", "name": "w1"}
    owner = {"kind": "ReplicaSet", "uid": "r", "name": "web-1", "controller": True}
    pod: dict[str, Any] = {"metadata": {"uid": "p", "ownerReferences": [other, owner]}}
    assert (controller(pod), workload(pod)) == (owner, ("ReplicaSet", "r"))
    pod["metadata"]["ownerReferences"] = [other]
    assert (controller(pod), workload(pod)) == (None, ("Pod", "p"))
    pod["metadata"]["ownerReferences"] = None
    assert workload(pod) == ("Pod", "p")


@pytest.mark.parametrize(
    ("kind", "spec", "status", "why"),
    [
        ("Deployment", {}, {"readyReplicas": 1}, ""),
        ("Deployment", {}, {}, "0 of 1 are ready"),
        ("StatefulSet", {"replicas": 0}, {}, ""),
        ("StatefulSet", {"replicas": 3}, {"readyReplicas": 2}, "2 of 3 are ready"),
        ("DaemonSet", {}, {"desiredNumberScheduled": 3, "numberReady": 2}, "2 of 3 are ready"),
        ("DaemonSet", {}, {}, ""),
        (None, {}, {"readyReplicas": 1}, ""),  # of a list
    ],
)
def test_workloads_that_are_not_ready(kind: str | None, spec: Any, status: Any, why: str) -> None:
    found = {"kind": kind, "metadata": {}, "spec": spec, "status": status}
    assert unready(found) == why
    found["metadata"] = {"generation": 2}
    assert unready(found) == "it has just been changed"


def test_pods_of_before_a_start_are_known_by_their_containers() -> None:
    def pod(node: str, *since: str | None) -> dict[str, Any]:
        states: list[Any] = [
            {"running": {"startedAt": at}} if at else {"waiting": {}} for at in since
        ]
        return {
            "spec": {"nodeName": node},
            "status": {"containerStatuses": [{"state": state} for state in states]},
        }

    started = {"a": datetime(2026, 11, 28, 10, 0, 0, tzinfo=UTC).timestamp()}
    before, after = "2026-11-28T09:59:50Z", "2026-11-28T10:00:10Z"
    assert is_from_before(pod("a", before), started)
    assert is_from_before(pod("a", after, before), started)
    assert not is_from_before(pod("a", after, None), started)
    assert not is_from_before(pod("a", None), started)
    assert not is_from_before(pod("b", before), started)
    assert not is_from_before({"spec": {}}, started)
