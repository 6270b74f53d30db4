"""Which containers ask a registry whatever their node has."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from whisklab.engine.kubernetes.objects import Id
from whisklab.engine.kubernetes.pulling import pulling

ALWAYS = "says imagePullPolicy: Always"
DEFAULT = "says no imagePullPolicy, which is Always for `latest`"
DIGEST = f"sha256:{'a' * 64}"
# Image, policy (... for none), and what is told.
CASES: list[tuple[str, Any, str | None]] = [
    ("busybox", ..., DEFAULT),
    ("busybox:latest", ..., DEFAULT),
    ("host:5000/team/busybox", ..., DEFAULT),
    ("host:5000/team/busybox:latest", ..., DEFAULT),
    ("busybox", None, DEFAULT),
    ("busybox", "", DEFAULT),
    ("busybox", "Always", ALWAYS),
    ("busybox:1", "Always", ALWAYS),
    (f"busybox@{DIGEST}", "Always", ALWAYS),
    ("busybox", "IfNotPresent", None),
    ("busybox", "Never", None),
    ("busybox:1", ..., None),
    ("host:5000/team/busybox:1", ..., None),
    (f"busybox@{DIGEST}", ..., None),
    (f"busybox:latest@{DIGEST}", ..., None),
]


def container(image: str, policy: Any) -> dict[str, Any]:
    return {"name": "c", "image": image, **({} if policy is ... else {"imagePullPolicy": policy})}


@pytest.mark.parametrize(("image", "policy", "told"), CASES)
def test_policies(image: str, policy: Any, told: str | None) -> None:
    pod = {"spec": {"containers": [container(image, policy)]}}
    said = [f"Pod/a: container c ({image}) {told}"] if told else []
    assert pulling({Id("Pod", "", "a"): pod}) == said


KINDS: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "Pod": lambda spec: spec,
    **dict.fromkeys(
        ["Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job"],
        lambda spec: {"replicas": 1, "template": {"metadata": {}, "spec": spec}},
    ),
    "CronJob": lambda spec: {"jobTemplate": {"spec": {"template": {"spec": spec}}}},
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("where", ["initContainers", "containers", "ephemeralContainers"])
def test_each_kind_of_object_and_of_container(kind: str, where: str) -> None:
    spec = {"containers": [container("quiet:1", ...)]} | {where: [container("busybox", ...)]}
    found = {Id(kind, "lab", "a"): {"spec": KINDS[kind](spec)}}
    assert pulling(found) == [f"{kind}/a: container c (busybox) {DEFAULT}"]


@pytest.mark.parametrize("other", [
    {}, {"spec": None}, {"spec": []}, {"spec": {"containers": None}}, {"spec": {"template": "x"}},
    {"spec": {"containers": ["x"]}}, {"data": {"containers": [{"image": "busybox"}]}},
])  # fmt: skip
def test_what_has_no_containers_is_passed_over(other: dict[str, Any]) -> None:
    assert pulling({Id("Thing", "", "a"): other}) == []
