"""Action containers as pods: what the invoker asks the Kubernetes API, and what it hears."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from openwhisk_standin.calls import Caller
from openwhisk_standin.cluster import Cluster
from openwhisk_standin.invoker.containers import NoContainer
from openwhisk_standin.invoker.pods import Pods
from openwhisk_standin.invoker.podspec import Place
from openwhisk_standin.runtimes import END_OF_LOGS
from openwhisk_standin.web import Request, Response, Server, as_json, as_text

POD_IP = "192.0.2.7"
RUNNING = {"podIP": POD_IP, "containerStatuses": [{"state": {"running": {}}}]}
PODS = "/api/v1/namespaces/openwhisk/pods"


class Api:
    """The few paths of the Kubernetes API that an invoker uses."""

    def __init__(self) -> None:
        """Begin empty; new pods run at once."""
        self.pods: dict[str, dict[str, Any]] = {}
        self.status: dict[str, Any] = RUNNING
        self.log: list[str] = []
        self.keys: set[str] = set()
        self.selectors: list[str] = []
        self.looks = 0  # at one pod

    def answer(self, request: Request) -> Response:
        self.keys.add(request.headers.get("authorization", ""))
        name = request.path.removeprefix(PODS).strip("/")
        if request.method == "POST":
            pod = json.loads(request.body)
            self.pods[pod["metadata"]["name"]] = pod
            return as_json(pod, 201)
        if not name:
            self.selectors.append(request.query["labelSelector"])
            return as_json({"items": list(self.pods.values())})
        if name.endswith("/log"):
            return as_text("".join(f"{line}\n" for line in self.log))
        if request.method == "DELETE":
            return as_json(self.pods.pop(name))
        self.looks += 1
        return as_json({**self.pods[name], "status": self.status})


@pytest.fixture
def api() -> Api:
    return Api()


@pytest.fixture
def cluster(api: Api, tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "token").write_text("the-token\n")
    (tmp_path / "namespace").write_text("openwhisk")
    server = Server("127.0.0.1", 0, api.answer)
    server.serve_quietly()
    yield Cluster(Caller(f"http://127.0.0.1:{server.port}"), tmp_path)
    server.shutdown()
    server.server_close()


def place(*, affinity: bool = True) -> Place:
    return Place("invoker0", "owdev", affinity)


def test_a_pod(api: Api, cluster: Cluster) -> None:
    env = {"__OW_API_HOST": "http://owdev-nginx"}
    made = Pods(cluster, place()).create("guest-Hello World!", "openwhisk/action:1", 256, env)
    assert made.url == f"http://{POD_IP}:8080"
    assert api.keys == {"Bearer the-token"}
    (pod,) = api.pods.values()
    assert pod["metadata"]["name"] == made.name
    assert made.name.startswith("wskinvoker0-")
    assert made.name.endswith("-guest-helloworld")
    assert pod["metadata"]["labels"] == {
        "name": made.name,
        "user-action-pod": "true",
        "invoker": "invoker0",
        "release": "owdev",
    }
    (container,) = pod["spec"]["containers"]
    assert container["image"] == "openwhisk/action:1"
    assert container["imagePullPolicy"] == "IfNotPresent"
    assert container["resources"]["limits"] == {"memory": "256Mi"}
    assert container["env"] == [{"name": "__OW_API_HOST", "value": "http://owdev-nginx"}]
    assert "openwhisk-role" in json.dumps(pod["spec"]["affinity"])
    made.remove()
    assert not api.pods


def test_anywhere(api: Api, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    option = "-Dwhisk.kubernetes.user-pod-node-affinity.enabled=false"
    monkeypatch.setenv("INVOKER_OPTS", f"-Dother=1 {option} -Dkubernetes.master=x")
    assert Place.from_environment("invoker0").affinity is False
    monkeypatch.delenv("INVOKER_OPTS")
    assert Place.from_environment("invoker0").affinity is True
    Pods(cluster, place(affinity=False)).create("x", "image", 256, {})
    (pod,) = api.pods.values()
    assert "affinity" not in pod["spec"]


def test_names_are_those_of_pods(cluster: Cluster) -> None:
    made = Pods(cluster, place()).create("n" * 100 + "_/@", "image", 128, {})
    assert len(made.name) <= 63
    assert made.name[-1].isalnum()


@pytest.mark.parametrize("reason", ["ErrImagePull", "ImagePullBackOff"])
def test_a_pod_whose_image_is_not_there_is_not_waited_for(
    api: Api, cluster: Cluster, reason: str
) -> None:
    api.status = {"containerStatuses": [{"state": {"waiting": {"reason": reason}}}]}
    with pytest.raises(NoContainer, match=reason):
        Pods(cluster, place(), within=5).create("x", "image", 256, {})
    assert api.looks == 1
    assert not api.pods


@pytest.mark.parametrize(
    ("status", "wanted"),
    [
        (
            {
                "phase": "Pending",
                "containerStatuses": [
                    {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "no x"}}}
                ],
            },
            "ImagePullBackOff: no x",
        ),
        (
            {
                "conditions": [
                    {"status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}
                ]
            },
            "Unschedulable: 0/3 nodes",
        ),
        ({"phase": "Pending"}, "phase Pending"),
    ],
)
def test_a_pod_that_does_not_run(
    api: Api, cluster: Cluster, status: dict[str, Any], wanted: str
) -> None:
    api.status = status
    with pytest.raises(NoContainer, match=wanted):
        Pods(cluster, place(), within=0.3).create("x", "image", 256, {})
    assert not api.pods, "what does not run is removed"


def test_what_an_earlier_invoker_left(api: Api, cluster: Cluster) -> None:
    Pods(cluster, place()).create("x", "image", 256, {})
    Pods(cluster, place()).clean()
    assert api.selectors == ["invoker=invoker0,release=owdev"]
    assert not api.pods


def test_logs(api: Api, cluster: Cluster) -> None:
    made = Pods(cluster, place()).create("x", "image", 256, {})
    api.log = [
        "2026-01-01T00:00:00.9Z one",
        "2026-01-01T00:00:00.95Z two",
        f"2026-01-01T00:00:01Z {END_OF_LOGS}",
        f"2026-01-01T00:00:01.000000001Z {END_OF_LOGS}",
    ]
    lines = made.logs()
    assert [line.partition(" ")[2] for line in lines] == ["stdout: one", "stdout: two"]
    api.log += [
        "2026-01-01T00:00:01.2Z three",
        f"2026-01-01T00:00:02Z {END_OF_LOGS}",
        f"2026-01-01T00:00:02.1Z {END_OF_LOGS}",
    ]
    assert made.logs() == ["2026-01-01T00:00:01.2Z stdout: three"]
