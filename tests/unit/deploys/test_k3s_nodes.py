"""When a node has settled, and what a drain moves."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from deploys.k3s.nodes import immovable, missing, ready_on, unsettled
from whisklab.engine.kubernetes.workloads import evictable

VERSION = "v1.35.4+k3s1"


def pod(name: str, node: str = "w1", kind: str = "ReplicaSet", **more: Any) -> Any:
    """Return a pod; its owner is of a kind ("" for none) and known by the name's first letter."""
    meta: dict[str, Any] = {"name": name, "namespace": "default", "uid": name}
    if kind:
        meta["ownerReferences"] = [{"kind": kind, "uid": f"of-{name[0]}", "controller": True}]
    if "annotations" in more:
        meta["annotations"] = more["annotations"]
    if "deleted" in more:
        meta["deletionTimestamp"] = more["deleted"]
    condition = {"type": "Ready", "status": str(more.get("ready", True))}
    return {
        "metadata": meta,
        "spec": {"nodeName": node},
        "status": {"phase": more.get("phase", "Running"), "conditions": [condition]},
    }


def node(status: str = "True", at: int | None = 100, version: str = VERSION) -> Any:
    """Return a node whose kubelet reported at `at`."""
    condition: dict[str, Any] = {"type": "Ready", "status": status}
    if at is not None:
        heartbeat = datetime.fromtimestamp(at, UTC)
        condition["lastHeartbeatTime"] = heartbeat.strftime("%Y-%m-%dT%H:%M:%SZ")
    info = {"kubeletVersion": version}
    return {"metadata": {"name": "w1"}, "status": {"conditions": [condition], "nodeInfo": info}}


def test_a_node_that_has_reported_since_its_restart_has_settled() -> None:
    assert unsettled(node(at=100), 100, VERSION) is None


@pytest.mark.parametrize(
    ("found", "why"),
    [
        (node("False"), "w1 is not Ready"),
        (node("Unknown"), "w1 is not Ready"),
        (node(at=99), "w1 has not reported since its restart"),
        (node(at=None), "w1 has not reported since its restart"),
        (node(version="v1.34.4+k3s1"), "w1 is still v1.34.4+k3s1"),
    ],
)
def test_a_node_that_has_not_settled(found: Any, why: str) -> None:
    assert unsettled(found, 100, VERSION) == why


def test_a_node_without_conditions_is_not_ready() -> None:
    new = node()
    del new["status"]["conditions"]
    assert unsettled(new, 100, VERSION) == "w1 is not Ready"


def test_only_what_was_ready_on_the_node_is_waited_for() -> None:
    before = ready_on("w1", [pod("a1"), pod("a2", "w2"), pod("b1", ready=False), pod("c1", "w2")])
    assert before == {("ReplicaSet", "of-a"): 2}
    assert missing(before, [pod("a1"), pod("a2", "w2"), pod("b1", ready=False)]) == []
    assert missing(before, [pod("a1", ready=False), pod("a2", "w2")]) == ["default/a1"]


def test_a_pod_that_moved_is_waited_for_where_it_is_now() -> None:
    before = ready_on("w1", [pod("a1"), pod("a2", "w2")])
    after = [pod("a1", deleted="now", ready=False), pod("a2", "w2"), pod("a3", "w3", ready=False)]
    assert missing(before, after) == ["default/a3"]
    assert missing(before, [pod("a2", "w2"), pod("a3", "w3")]) == []


def test_what_was_finished_or_deleted_meanwhile_is_not_waited_for() -> None:
    before = ready_on("w1", [pod("a1", kind="Job"), pod("b1", kind="")])
    assert missing(before, [pod("a1", kind="Job", phase="Succeeded", ready=False)]) == []


def test_a_scaled_down_workload_is_not_waited_for() -> None:
    before = ready_on("w1", [pod("a1"), pod("a2"), pod("a3")])
    assert missing(before, [pod("a1")]) == []


def test_a_drain_leaves_what_belongs_on_each_node() -> None:
    mirror = {"kubernetes.io/config.mirror": "x"}
    moved = evictable("w1", [
        pod("a1"), pod("b1", kind=""), pod("c1", "w2"), pod("d1", kind="DaemonSet"),
        pod("e1", kind="Node", annotations=mirror), pod("f1", kind="Job", phase="Succeeded"),
    ])  # fmt: skip
    assert [each["metadata"]["name"] for each in moved] == ["a1", "b1"]
    why = "w1 cannot be drained, nobody would start default/b1 again"
    assert str(immovable("w1", moved)).startswith(why)
    assert immovable("w1", moved, replaced=lambda pod: pod is moved[1]) is None
    assert immovable("w2", moved) is None
