"""Why a pod does not start, told without secrets, the cause before the end."""

from __future__ import annotations

from typing import Any

import pytest

from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import Client
from whisklab.engine.kubernetes.objects import unspoken
from whisklab.engine.kubernetes.seen import JSON
from whisklab.engine.kubernetes.stuck import WIDEST, hopeless, is_done, pod_lines, state, telling

SERVER: Any = None  # nobody asks there
WSK_KEY = "789c46b1-71f6-4ed5-8c54-816aa4f8c502:" + "aB3" * 21 + "x"


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        (f"+ wsk -i --auth {WSK_KEY} list", "+ wsk -i --auth *** list"),
        (f"AUTH={WSK_KEY.upper()};x", "AUTH=***;x"),
        ("+ PUT http://whisk_admin:p:w/o@r@d@couchdb:5984/db", "+ PUT http://***@couchdb:5984/db"),
        ("https://token@git.test/a", "https://***@git.test/a"),
        ("GET http://couchdb:5984/_up by a@b", "GET http://couchdb:5984/_up by a@b"),
        (f"pod {WSK_KEY[:36]}: x", f"pod {WSK_KEY[:36]}: x"),
    ],
)
def test_what_scripts_say_is_shown_without_secrets(line: str, shown: str) -> None:
    assert unspoken(line) == shown


class Saying(Client):
    """A cluster whose containers have said this."""

    def __init__(self) -> None:
        super().__init__(SERVER, kube.Endpoint("", 0))

    def ask(self, method: str, path: str, body: object = None, **how: Any) -> Any:
        assert (method, body) == ("GET", None), path
        if how.get("accept", JSON) == JSON:
            return {"items": []}
        return f"{'x' * (WIDEST - 60)} --auth {WSK_KEY}\nhttp://u:pw-two@h/\n"


def test_a_key_in_a_log_is_hidden_before_the_line_is_cut() -> None:
    found = pod("Running", containerStatuses=[container("main", running={})])
    lines = pod_lines(Saying(), "/api/v1/namespaces/x", found)
    assert lines[1].endswith("x --auth ***")
    assert lines[2] == "log of main: http://***@h/"


KAFKA = [  # a broker whose volume is another cluster's, in the manner of its log
    "[2026-11-28 10:00:00,1] INFO Cluster ID = k9 (kafka.server.KafkaServer)",
    "[2026-11-28 10:00:00,2] ERROR Fatal error during startup. (kafka.server.KafkaServer)",
    "kafka.common.InconsistentClusterIdException: ours is k9, meta.properties has p1",
    *(f"\tat kafka.server.KafkaServer.startup(KafkaServer.scala:{n})" for n in range(230, 236)),
    *(f"[2026-11-28 10:00:00,{n}] INFO shutting down part {n}" for n in range(3, 12)),
    "[2026-11-28 10:00:01,0] INFO shut down completed (kafka.server.KafkaServer)",
]


def test_of_a_log_the_cause_is_told_and_the_end() -> None:
    assert telling(KAFKA) == [*KAFKA[1:3], KAFKA[-1]]
    assert telling(KAFKA[-8:]) == KAFKA[-5:]  # nothing sounds like a cause
    assert telling([]) == []
    loop = [f"error {n}" for n in range(100)]
    assert telling(loop) == loop[-5:]
    erlang = ["[emergency] could not create /opt/couchdb/data: eacces", *["[info] stopping"] * 9]
    assert telling(erlang)[0] == erlang[0]
    assert not [line for line in telling(KAFKA) if line.startswith("\tat ")]


def test_how_a_container_ended_before_is_told_when_that_says_more() -> None:
    for reason, told in (("OOMKilled", True), ("Error", False), ("Completed", False)):
        found = container("main", running={})
        found["lastState"] = {"terminated": {"reason": reason, "exitCode": 137}}
        lines = pod_lines(Saying(), "/x", pod("Running", containerStatuses=[found]))
        assert ("container main ended before: OOMKilled, code 137" in lines) == told


def test_events_of_an_earlier_pod_of_the_same_name_are_not_told() -> None:
    asked: list[str] = []

    class Asked(Saying):
        def ask(self, method: str, path: str, body: object = None, **how: Any) -> Any:
            asked.append(path)
            return super().ask(method, path, body, **how)

    found = pod("Running", containerStatuses=[])
    found["metadata"]["uid"] = "u-1"
    pod_lines(Asked(), "/x", found)
    selector = "involvedObject.name%3Dp,involvedObject.uid%3Du-1"
    assert asked == [f"/x/events?fieldSelector={selector}"]


def test_a_log_that_cannot_be_read_hides_nothing_else() -> None:
    class Away(Saying):
        def ask(self, method: str, path: str, body: object = None, **how: Any) -> Any:
            if "/log?" in path:
                raise kube.Unreachable("the node is away")
            return super().ask(method, path, body, **how)

    found = pod("Running", containerStatuses=[container("main", running={})])
    lines = pod_lines(Away(), "/api/v1/namespaces/x", found)
    assert [line.partition(" is not ready")[0] for line in lines] == [
        f"pod {found['metadata']['name']}"]  # fmt: skip


def pod(phase: str = "Pending", **more: Any) -> dict[str, Any]:
    return {"metadata": {"name": "p"}, "status": {"phase": phase, **more}}


def container(name: str, *, is_ready: bool = False, **of_state: Any) -> dict[str, Any]:
    return {"name": name, "ready": is_ready, "state": of_state, "restartCount": 0}


def waits(reason: str, *, restarts: int = 0) -> dict[str, Any]:
    found = container("c", waiting={"reason": reason, "message": "m"})
    return pod(containerStatuses=[{**found, "restartCount": restarts}])


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (waits("ImagePullBackOff"), "container c: ImagePullBackOff: m"),
        (waits("CrashLoopBackOff", restarts=4), "container c has ended 4 times"),
        (waits("CrashLoopBackOff", restarts=1), None),
        (waits("ContainerCreating"), None),
        (pod("Running", containerStatuses=[container("c", is_ready=True, running={})]), None),
        (
            {
                "status": {
                    "conditions": [
                        {"type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                         "message": "0/3 nodes"}
                    ]
                }
            },
            "no node will take it: 0/3 nodes",
        ),
    ],
)  # fmt: skip
def test_pods_that_cannot_start(found: dict[str, Any], expected: str | None) -> None:
    assert hopeless(found) == expected


def test_what_keeps_a_pod() -> None:
    assert is_done(pod("Succeeded"))
    assert is_done(pod("Running", conditions=[{"type": "Ready", "status": "True"}]))
    waiting = pod(
        initContainerStatuses=[
            container("init", is_ready=True, terminated={"reason": "Completed"})
        ],
        containerStatuses=[container("main", waiting={"reason": "ImagePullBackOff"})],
    )
    assert not is_done(waiting)
    assert state(waiting) == "ImagePullBackOff (container main)"
    condition = {"type": "PodScheduled", "status": "False", "message": "no nodes"}
    assert state(pod(conditions=[condition])) == "not scheduled: no nodes"
    running = pod("Running", containerStatuses=[container("main", running={})])
    assert state(running) == "container main is not ready"
    assert state(pod()) == "Pending"
