"""Cordons of ours are ended."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest

from deploys.k3s import nodes, operations
from deploys.k3s.turns import UNSCHEDULABLE as TAINT
from tests.contract import fake_kubernetes as fake
from tests.contract.fake_kubernetes import ENDPOINT, NODES, REFUSALS, SILENT, Api, node
from tests.contract.k3s.cluster import OURS, cluster


def uncordon(**how: Any) -> fake.Done:
    do = fake.plan if how.pop("only_plan", False) else fake.carry_out
    return do(operations.uncordoned, api=ENDPOINT, **how)


def ending(name: str) -> fake.Change:
    """The request that ends a cordon of ours."""
    return ("PATCH", f"{NODES}/{name}", {
        "metadata": {"annotations": {nodes.CORDONED: None}}, "spec": {"unschedulable": None},
    })  # fmt: skip


UNSCHEDULABLE = {"key": TAINT, "effect": "NoSchedule"}
THEIRS = {
    "labels": {"a": "1"},
    "annotations": {"b": "2", "whisklab.dev/labels": '["a"]'},
    "taints": [UNSCHEDULABLE, {"key": "dedicated", "value": "x", "effect": "NoExecute"}],
}


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"cordoned": True},
        {"cordoned": True, **THEIRS},
        {"cordoned": True, "annotations": {"example.org/cordoned": "yes"}},
        {"cordoned": True, "annotations": {f"{nodes.CORDONED}-by": "yes"}},
        {"labels": {nodes.CORDONED: "yes"}, "cordoned": True},
        {"taints": [UNSCHEDULABLE]},
        {"ready": "False", "cordoned": True},
    ],
)
def test_somebody_elses_cordon_stays(serve: Callable[..., Api], given: Any) -> None:
    api = serve(cluster(**given))
    before = copy.deepcopy(api.nodes)
    assert uncordon().idle
    assert (api.changes, api.nodes) == ([], before)


@pytest.mark.parametrize(
    ("value", "status", "theirs", "cordoned"),
    [
        ("yes", "True", {}, True),
        ("yes", "True", {}, False),  # somebody has uncordoned it
        ("no", "True", {}, True),
        ("", "True", {}, True),
        ("yes", "Unknown", {}, True),
        ("yes", "True", THEIRS, True),
    ],
)
def test_a_cordon_of_ours_is_ended_by_one_request_and_nothing_else_changes(
    serve: Callable[..., Api], value: str, status: str, theirs: Any, *, cordoned: bool
) -> None:
    notes = theirs.get("annotations", {})
    given: Any = {**theirs, "annotations": {**notes, nodes.CORDONED: value}}
    api = serve(fake.of(node("m1", cordoned=True), node("w1", ready=status, cordoned=cordoned,
                                                        **given)))  # fmt: skip
    others = copy.deepcopy(api.nodes["m1"])
    planned = uncordon(only_plan=True)
    assert (planned.planned, planned.why) == (
        True, ["w1 was drained by us and is still cordoned"]
    )  # fmt: skip
    assert api.changes == []

    done = uncordon()
    assert (len(done.commands), done.failed) == (1, False)
    assert api.changes == [ending("w1")]
    wanted = node("w1", ready=status, **theirs)
    wanted["metadata"]["resourceVersion"] = "8"
    assert fake.merged(api.nodes["w1"], {"metadata": {"annotations": notes or None}}) == wanted
    assert api.nodes["m1"] == others
    assert uncordon().idle
    assert api.changes == [ending("w1")]


def test_each_cordon_of_ours_is_ended(serve: Callable[..., Api]) -> None:
    api = serve(fake.of(
        node("w3", annotations=OURS, cordoned=True), node("w1", cordoned=True),
        node("w2", annotations=OURS, cordoned=True),
    ))  # fmt: skip
    done = uncordon()
    assert (len(done.commands), done.failed) == (2, False)
    assert api.changes == [ending("w3"), ending("w2")]
    assert [name for name, each in api.nodes.items() if "unschedulable" in each["spec"]] == ["w1"]
    assert uncordon().idle


def test_a_cordon_that_somebody_has_made_his_own_meanwhile_stays(serve: Callable[..., Api]) -> None:
    """Between the look at all nodes and that at the one."""
    api = serve(cluster(annotations=OURS, cordoned=True))
    theirs = node("w2", cordoned=True)
    api.meanwhile = fake.after(1, f"{NODES}/w2", lambda: api.nodes.update(w2=theirs))
    assert not uncordon().failed
    assert (api.changes, api.nodes["w2"]) == ([], theirs)


@pytest.mark.parametrize("name", SILENT)
def test_a_cordon_that_the_plan_could_not_see_is_ended_by_the_run(
    serve: Callable[..., Api], name: str
) -> None:
    api = serve(cluster(annotations=OURS, cordoned=True))
    api.meanwhile = fake.always(SILENT[name][0])
    planned = uncordon(only_plan=True)  # which nodes_ready says
    assert (planned.idle, planned.errors) == (True, [])
    done = uncordon(between=lambda: setattr(api, "meanwhile", None))
    assert (len(done.commands), done.failed) == (1, False)
    assert api.changes == [ending("w2")]


@pytest.mark.parametrize(
    ("given", "sentence"),
    [*((given, said) for given, _, said in SILENT.values()), *REFUSALS.values()],
    ids=[*SILENT, *REFUSALS],
)
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_an_end_that_the_api_does_not_take_fails_the_host_and_the_next_run_does_it(
    serve: Callable[..., Api], given: fake.Given, sentence: str, method: str
) -> None:
    api = serve(cluster(annotations=OURS, cordoned=True))
    api.meanwhile = lambda how, path: given if (how, path) == (method, f"{NODES}/w2") else None
    done = uncordon()
    assert (done.failed, done.errors[0]) == (True, sentence)
    assert api.nodes["w2"]["spec"]["unschedulable"]
    api.meanwhile = None
    assert not uncordon().failed
    assert api.changes[-1] == ending("w2")
    assert uncordon().idle


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_look_at_cordons_is_said(serve: Callable[..., Api], name: str) -> None:
    given, sentence = REFUSALS[name]
    api = serve(cluster(annotations=OURS, cordoned=True))
    api.meanwhile = fake.always(given)
    done = uncordon()
    assert (done.failed, done.errors, api.changes) == (True, [sentence], [])
