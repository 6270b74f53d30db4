"""That an apply waits for invokers that the controllers use, not for pods that are ready."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from deploys.openwhisk import invokers, stages
from deploys.openwhisk.settings import OpenWhiskSettings
from deploys.openwhisk.stages import STATEFUL, Progress, Seen
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import Client

ALL = [Progress(each, reached=True) for each in stages.stages(OpenWhiskSettings())]
REACHED = ""


@dataclass
class Answering:
    """A cluster whose controllers answer what is given, each its own."""

    answers: list[object]
    asked: list[str] = field(default_factory=list)

    def ask(self, method: str, path: str) -> Any:
        """Answer."""
        self.asked.append(f"{method} {path}")
        answer = self.answers[len(self.asked) - 1]
        if isinstance(answer, Exception):
            raise answer
        return answer


def _seen(controllers: int = 1, wanted: int = 1) -> Seen:
    ports = [
        {"name": "akka-remoting", "containerPort": 25520},
        {"name": "controller", "containerPort": 8080},
    ]
    pod = {"spec": {"containers": [{"name": "mesh"}, {"name": "controller", "ports": ports}]}}
    return Seen({STATEFUL: {
        "owdev-controller": {
            "metadata": {"name": "owdev-controller"},
            "spec": {"replicas": controllers, "template": pod},
        },
        "owdev-invoker": {"spec": {"replicas": wanted}},
    }})  # fmt: skip


def _why(cluster: Answering, seen: Seen) -> str:
    found = invokers.tested(cast("Client", cluster), "openwhisk", "owdev", seen, ALL)
    at = next((each for each in found if not each.reached), None)
    assert [each.stage for each in found] == [each.stage for each in ALL]
    if at is None:
        return REACHED
    assert at.stage.name == "invoker"
    return at.why


@pytest.mark.parametrize(
    ("states", "wanted", "why"),
    [
        ({"invoker0": "up"}, 1, REACHED),
        ({"invoker0": "up", "invoker1": "up", "invoker2": "down"}, 2, REACHED),
        ({"invoker0": "unhealthy"}, 1, "can use 0 of 1: invoker0 is unhealthy"),
        ({"invoker0": "up", "invoker1": "down"}, 2, "can use 1 of 2: invoker1 is down"),
        ({"invoker0": "up"}, 2, "can use 1 of 2: it knows no other yet"),
        ({}, 1, "can use 0 of 1: it knows no other yet"),
        ({}, 0, REACHED),
    ],
)
def test_what_a_controller_says_of_its_invokers(
    states: dict[str, str], wanted: int, why: str
) -> None:
    expected = f"owdev-controller-0 {why}" if why else REACHED
    assert _why(Answering([states]), _seen(wanted=wanted)) == expected


@pytest.mark.parametrize("late", [0, 1, 2])
def test_each_controller_has_to_know_them(late: int) -> None:
    answers: list[object] = [{"invoker0": "up"}] * 3
    answers[late] = {"invoker0": "unhealthy"}
    cluster = Answering(answers)
    assert _why(cluster, _seen(controllers=3)).startswith(f"owdev-controller-{late} can use 0 of 1")
    assert cluster.asked[-1] == (
        f"GET /api/v1/namespaces/openwhisk/pods/http:owdev-controller-{late}:8080/proxy/invokers"
    )


@pytest.mark.parametrize(
    "error", [kube.Unreachable("no route"), kube.Faulted("it failed"), kube.Refused(403, "no")]
)
def test_a_controller_that_cannot_be_asked_holds_nothing_back(error: Exception) -> None:
    cluster = Answering([error, {"invoker0": "up"}])
    assert _why(cluster, _seen(controllers=2)) == REACHED
    assert len(cluster.asked) == 2
