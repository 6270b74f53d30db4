"""All nodes are waited for, and pods from before a start."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deploys.k3s import operations
from deploys.k3s.status import REMOVAL
from tests.contract import fake_kubernetes as fake
from tests.contract.fake_kubernetes import ENDPOINT, NODES, PODS, REFUSALS, SILENT, Api, node
from tests.contract.k3s.cluster import ALL, LOOK, OURS, START, cluster, ways
from whisklab.engine.kubernetes import waiting
from whisklab.engine.reasons import Reason


def ready(*, within: float = 30.0, started: Any = None, names: Any = None, **how: Any) -> fake.Done:
    do = fake.plan if how.pop("only_plan", False) else fake.carry_out
    return do(
        operations.nodes_ready, names=names or ALL, api=ENDPOINT, within=within,
        started=started or {}, **how,
    )  # fmt: skip


def pod(*containers: Any, on: str | None = "w1", **status: Any) -> dict[str, Any]:
    """A pod whose containers have these states."""
    states = [{"state": each} for each in containers]
    return {
        "metadata": {"name": "web", "namespace": "default", "uid": "u"},
        "spec": {"nodeName": on} if on else {},
        "status": {"containerStatuses": states, **status},
    }


def running(second: float) -> dict[str, Any]:
    """The state of a container that runs since so many seconds after w1 was started."""
    minutes, seconds = divmod(40 + second, 60)
    return {"running": {"startedAt": f"2025-06-15T15:{6 + int(minutes):02}:{int(seconds):02}Z"}}


NEW, OLD = running(1), running(-2)


@pytest.mark.parametrize(
    ("change", "pods"),
    [
        (lambda _: None, []),
        (lambda api: api.nodes.update(w2=node("w2", cordoned=True)), []),
        (lambda api: api.nodes.update(w2=node("w2", annotations=OURS)), []),
        (lambda api: api.nodes.update(w2=node("w2", taints=[{"key": "a", "effect": "NoExecute"}])),
         []),
        (lambda _: None, [pod(NEW)]),
        (lambda _: None, [pod(running(0))]),
        (lambda _: None, [pod(running(-1))]),  # the API has whole seconds
        (lambda _: None, [pod({"waiting": {}})]),
        (lambda _: None, [pod({"terminated": {"startedAt": "2025-06-15T15:00:00Z"}})]),
        (lambda _: None, [pod(OLD, on="w2")]),  # which was not started anew
        (lambda _: None, [pod(OLD, on=None)]),
        (lambda _: None, [pod(), pod(containerStatuses=None), {**pod(), "status": None}]),
    ],
)  # fmt: skip
def test_nodes_that_are_ready_need_nothing(
    serve: Callable[..., Api], change: Callable[[Api], None], pods: Any
) -> None:
    api = serve(cluster())
    change(api)
    api.pods = pods
    assert ready(started={"w1": START}).idle
    assert api.changes == []


def test_pods_are_asked_for_only_after_a_start(serve: Callable[..., Api]) -> None:
    api = serve(cluster())
    api.pods = [pod(OLD)]
    assert ready().idle
    assert set(api.asked) == {NODES}


@ways
def test_a_node_that_is_not_ready_is_waited_for(
    serve: Callable[..., Api], way: Callable[[Api], None]
) -> None:
    api = serve(cluster())
    way(api)
    planned = ready(only_plan=True)
    assert (planned.planned, planned.why) == (True, ["w2 is not Ready"])
    asked = len(api.asked)

    api.meanwhile = fake.after(5, NODES, lambda: api.nodes.update(w2=node("w2")))
    done = ready()
    assert (done.why, len(done.commands), done.failed) == (["w2 is not Ready"], 1, False)
    assert len(api.asked) == asked + 5
    assert ready().idle
    assert api.changes == []


@ways
def test_one_that_never_is_fails_the_host_with_one_sentence(
    serve: Callable[..., Api], way: Callable[[Api], None]
) -> None:
    api = serve(cluster())
    way(api)
    done = ready(within=0.0)
    assert (done.planned, done.failed) == (True, True)
    assert done.errors[:1] == [f"after 0 s still not Ready: w2: {LOOK}"]
    assert api.changes == []


def test_all_that_are_not_are_named(serve: Callable[..., Api]) -> None:
    serve(fake.of(node("w2", ready="False"), node("other", ready="False"), node("m1")))
    done = ready(within=0.0)
    assert done.why == ["w1 is not Ready", "w2 is not Ready"]
    assert done.errors[0] == f"after 0 s still not Ready: w1, w2: {LOOK}"


def test_a_wait_tells_what_for(serve: Callable[..., Api], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "TOLD_EVERY", -1.0)
    api = serve(cluster(ready="Unknown"))
    api.meanwhile = fake.after(5, NODES, lambda: api.nodes.update(w2=node("w2")))
    assert ready().told == ["@local: waiting, 0 s: not Ready: w2"] * 2


@pytest.mark.parametrize(
    "pods",
    [
        [pod(OLD)],
        [pod(NEW, OLD)],
        [pod(NEW), pod({"waiting": {}}, OLD), pod(on="w2")],
        [pod(OLD, phase="Failed")],
        [pod(OLD), pod(OLD)],
    ],
)
def test_pods_from_before_a_start_are_waited_for(serve: Callable[..., Api], pods: Any) -> None:
    api = serve(cluster())
    api.pods = pods
    why = ["w1 has not reported its pods since it was started"]
    planned = ready(started={"w1": START}, only_plan=True)
    assert (planned.planned, planned.why) == (True, why)

    api.meanwhile = fake.after(5, PODS, api.pods.clear)
    done = ready(started={"w1": START})
    assert (done.why, len(done.commands), done.failed) == (why, 1, False)
    assert ready(started={"w1": START}).idle
    assert api.changes == []


def test_pods_that_stay_so_fail_the_host(serve: Callable[..., Api]) -> None:
    api = serve(cluster())
    api.pods = [pod(OLD)]
    done = ready(started={"w1": START}, within=0.0)
    assert done.failed
    assert done.errors[0] == f"after 0 s still not reported since the start: w1: {LOOK}"


def test_a_clock_that_was_set_late_holds_up_nobody_for_long(
    serve: Callable[..., Api], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "REPORTED_WITHIN", -1.0)
    api = serve(cluster())
    api.pods = [pod(OLD)]
    done = ready(started={"w1": START}, within=0.0)
    assert (len(done.commands), done.failed) == (1, False)


def test_a_node_that_only_the_cluster_knows_is_told_once_and_stays(
    serve: Callable[..., Api],
) -> None:
    api = serve(fake.of(*cluster().nodes.values(), node("theirs", ready="False")))
    done = ready()
    assert done.idle
    assert done.told == [f"@local: theirs is in the cluster and not in the inventory: {REMOVAL}"]
    assert api.changes == []


@pytest.mark.parametrize("name", SILENT)
@pytest.mark.parametrize("started", [{}, {"w1": START}])
def test_while_the_api_does_not_answer_it_is_unknown_and_work_to_do(
    serve: Callable[..., Api], name: str, started: dict[str, float]
) -> None:
    given, until, _ = SILENT[name]
    unknown = Reason(f"unknown until {until}", unknown=True)
    asked_last = PODS if started else NODES
    api = serve(cluster())
    api.meanwhile = fake.after(5, asked_last, lambda: None, first=given)
    done = ready(started=started)
    assert (done.planned, done.reasons) == (True, (unknown,))
    assert (len(done.commands), done.failed) == (1, False)
    api.meanwhile = None
    assert ready(started=started).idle
    assert api.changes == []


@pytest.mark.parametrize("name", SILENT)
def test_an_api_that_never_answers_fails_the_host_with_one_sentence(
    serve: Callable[..., Api], name: str
) -> None:
    given, _, sentence = SILENT[name]
    api = serve(cluster())
    api.meanwhile = fake.always(given)
    done = ready(within=0.0)
    assert done.failed
    assert done.errors[0] == f"after 0 s still {sentence}: {LOOK}"


def test_what_the_api_says_after_a_silent_plan_counts(serve: Callable[..., Api]) -> None:
    api = serve(cluster())
    api.meanwhile = fake.always(SILENT["cut"][0])
    done = ready(between=lambda: setattr(api, "meanwhile", None))
    assert (done.planned, done.commands, done.failed) == (True, [], False)


def test_a_server_that_has_never_run_has_no_api() -> None:
    done = ready(within=0.0)
    assert done.why == ["unknown until the API answers"]
    assert done.errors[0] == f"after 0 s still @local has no {ENDPOINT.kubeconfig} yet: {LOOK}"


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("path", [NODES, PODS])
def test_a_refusal_is_said_and_is_not_taken_for_all_is_well(
    serve: Callable[..., Api], name: str, path: str
) -> None:
    given, sentence = REFUSALS[name]
    api = serve(cluster())
    api.meanwhile = lambda _, asked: given if asked == path else None
    done = ready(started={"w1": START})
    assert (done.failed, done.errors) == (True, [sentence])
