"""Who has its turn waits for the others."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from deploys.k3s import nodes, operations
from deploys.k3s.turns import Turn
from tests.contract import fake_kubernetes as fake
from tests.contract.fake_kubernetes import ENDPOINT, NODES, PODS, REFUSALS, SILENT, Api, node
from tests.contract.k3s.cluster import LOOK, cluster, ways
from whisklab.engine.kubernetes.workloads import MIRROR

NOT_TOUCHED = "@local was not touched: "


def others(
    *, names: Any = ("m1", "w2"), within: float = 30.0, drain: bool = False,
    replaced: Any = nodes.nobody, **how: Any,
) -> fake.Done:  # fmt: skip
    """It asks the leader: nobody answers here."""
    leader: Any = SimpleNamespace(name="m1", connector=None, state=SimpleNamespace())
    turn = Turn(leader, ENDPOINT, "w1", "k3s-agent", "v1", within, drain, replaced)
    do = fake.plan if how.pop("only_plan", False) else fake.carry_out
    return do(operations.others_ready, names=list(names), turn=turn, **how)


def theirs(name: str, *, owner: str | None = None, on: str = "w1", **more: Any) -> dict[str, Any]:
    """A pod, and what controls it."""
    controls = {"controller": True, "kind": owner, "uid": "r"}
    meta = {"name": name, "namespace": "default", "uid": name, **more.pop("metadata", {})}
    if owner:
        meta["ownerReferences"] = [controls]
    return {"metadata": meta, "spec": {"nodeName": on}, "status": more}


def test_others_that_are_ready_let_a_turn_begin(serve: Callable[..., Api]) -> None:
    """This node itself need not be."""
    api = serve(fake.of(node("m1"), node("w1", ready="False"), node("w2")), host="m1")
    assert others().idle
    assert (set(api.asked), api.changes) == ({NODES}, [])


@ways
def test_a_plan_asks_nobody(serve: Callable[..., Api], way: Callable[[Api], None]) -> None:
    api = serve(cluster(), host="m1")
    way(api)
    assert others(only_plan=True, drain=True).idle
    assert api.asked == []


@ways
def test_another_one_that_is_not_ready_is_waited_for(
    serve: Callable[..., Api], way: Callable[[Api], None]
) -> None:
    api = serve(cluster(), host="m1")
    way(api)
    api.meanwhile = fake.after(4, NODES, lambda: api.nodes.update(w2=node("w2")))
    assert others().idle
    assert (len(api.asked), api.changes) == (4, [])


@ways
def test_one_that_never_is_keeps_the_turn_from_beginning(
    serve: Callable[..., Api], way: Callable[[Api], None]
) -> None:
    api = serve(cluster(), host="m1")
    way(api)
    done = others(within=0.0)
    assert (done.planned, done.failed) == (False, True)
    assert done.errors[0] == f"{NOT_TOUCHED}after 0 s still not Ready: w2: {LOOK}"
    assert api.changes == []


def test_who_is_not_waited_for_may_be_down(serve: Callable[..., Api]) -> None:
    api = serve(cluster(ready="False"), host="m1")
    assert others(names=["m1"]).idle
    asked = len(api.asked)
    assert others(names=[]).idle
    assert len(api.asked) == asked


MOVABLE = {
    "controlled": theirs("a", owner="ReplicaSet"),
    "on each node": theirs("a", owner="DaemonSet"),
    "static": theirs("a", metadata={"annotations": {MIRROR: "x"}}),
    "succeeded": theirs("a", phase="Succeeded"),
    "failed": theirs("a", phase="Failed"),
    "elsewhere": theirs("a", on="w2"),
    "replaced": theirs("ours"),
}


@pytest.mark.parametrize("there", MOVABLE.values(), ids=MOVABLE)
def test_pods_that_a_drain_may_move_let_a_turn_begin(serve: Callable[..., Api], there: Any) -> None:
    api = serve(cluster(), host="m1")
    api.pods = [there]
    assert others(drain=True, replaced=lambda each: each["metadata"]["name"] == "ours").idle
    assert api.asked[-1] == PODS
    assert api.changes == []


@pytest.mark.parametrize("more", [{}, {"phase": "Running"}, {"phase": "Pending"}])
def test_pods_that_nobody_would_start_again_keep_a_turn_from_beginning(
    serve: Callable[..., Api], more: Any
) -> None:
    api = serve(cluster(), host="m1")
    api.pods = [theirs("z", **more), theirs("b", owner="Job"), theirs("a", **more)]
    done = others(drain=True)
    assert done.failed
    assert done.errors[0].startswith(
        f"{NOT_TOUCHED}w1 cannot be drained, nobody would start default/a, default/z again: "
    )
    assert api.changes == []
    assert others(drain=False).idle


@pytest.mark.parametrize("name", SILENT)
def test_an_api_that_is_silent_is_waited_for(serve: Callable[..., Api], name: str) -> None:
    api = serve(cluster(), host="m1")
    api.meanwhile = fake.after(4, NODES, lambda: None, first=SILENT[name][0])
    assert others().idle
    assert len(api.asked) == 4


SAID_OF_LEADER = {
    name: (given, said.replace("@local", "m1")) for name, (given, _, said) in SILENT.items()
}


@pytest.mark.parametrize("name", SILENT)
def test_one_that_stays_silent_keeps_a_turn_from_beginning(
    serve: Callable[..., Api], name: str
) -> None:
    given, sentence = SAID_OF_LEADER[name]
    api = serve(cluster(), host="m1")
    api.meanwhile = fake.always(given)
    done = others(within=0.0)
    assert done.failed
    assert done.errors[0] == f"{NOT_TOUCHED}after 0 s still {sentence}: {LOOK}"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [*SAID_OF_LEADER.values(), *REFUSALS.values()],
    ids=[*SAID_OF_LEADER, *REFUSALS],
)
def test_pods_that_the_api_does_not_tell_keep_a_turn_from_beginning(
    serve: Callable[..., Api], given: fake.Given, sentence: str
) -> None:
    api = serve(cluster(), host="m1")
    api.meanwhile = lambda _, path: given if path == PODS else None
    done = others(drain=True)
    assert (done.failed, done.errors[0]) == (True, f"{NOT_TOUCHED}{sentence}")


@pytest.mark.parametrize("name", REFUSALS)
def test_nodes_that_the_api_refuses_keep_a_turn_from_beginning(
    serve: Callable[..., Api], name: str
) -> None:
    given, sentence = REFUSALS[name]
    api = serve(cluster(), host="m1")
    api.meanwhile = fake.always(given)
    done = others()
    assert (done.failed, done.errors[0]) == (True, f"{NOT_TOUCHED}{sentence}")
