"""Labels and taints of a node, before an API server of the tests' own."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from deploys.labels import operations
from deploys.labels.render import OUR_LABELS, OUR_TAINTS
from tests.contract import fake_kubernetes as fake
from tests.contract.fake_kubernetes import ENDPOINT, NODES, REFUSALS, SILENT, Api, node
from whisklab.engine.reasons import Reason

W1 = f"{NODES}/w1"
LABELS = {"openwhisk-role": "core", "example.org/disk": "ssd"}
TAINTS = ["dedicated=openwhisk:NoSchedule", "bare:NoExecute"]
NOTES = {
    OUR_LABELS: '["example.org/disk", "openwhisk-role"]',
    OUR_TAINTS: '["bare:NoExecute", "dedicated:NoSchedule"]',
}
DEDICATED = {"key": "dedicated", "value": "openwhisk", "effect": "NoSchedule"}
BARE = {"key": "bare", "effect": "NoExecute"}
# What others have set; one of them beside a key of ours, with another effect.
FOREIGN = {"kubernetes.io/hostname": "w1", "theirs": "1", "empty": ""}
FOREIGN_NOTES = {"whisklab.dev/cordoned": "yes", "flannel.alpha.coreos.com/public-ip": "10.0.0.1"}
UNSCHEDULABLE = {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
BESIDE = {"key": "dedicated", "value": "somebody", "effect": "PreferNoSchedule"}


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Api]:
    """Has an API answer."""
    return lambda api: fake.serve(monkeypatch, api)


def labelled(
    *, labels: Any = LABELS, notes: Any = NOTES, taints: Any = (DEDICATED, BARE)
) -> dict[str, Any]:
    """The node, with these things of ours beside those of others."""
    return node(
        "w1", cordoned=True, labels={**FOREIGN, **labels},
        annotations={**FOREIGN_NOTES, **notes}, taints=[UNSCHEDULABLE, BESIDE, *taints],
    )  # fmt: skip


def cluster(**given: Any) -> Api:
    return fake.of(labelled(**given), node("w2", labels={"openwhisk-role": "theirs"}))


def label(*, labels: Any = None, taints: Any = None, **how: Any) -> fake.Done:
    do = fake.plan if how.pop("only_plan", False) else fake.carry_out
    return do(
        operations.node, node="w1", labels=LABELS if labels is None else labels,
        taints=TAINTS if taints is None else taints, api=ENDPOINT, **how,
    )  # fmt: skip


def patch(*, taints: Any = None, version: str = "7", **metadata: Any) -> fake.Change:
    """The one request that changes just this."""
    spec = {} if taints is None else {"spec": {"taints": [UNSCHEDULABLE, BESIDE, *taints]}}
    return ("PATCH", W1, {**spec, "metadata": {**metadata, "resourceVersion": version}})


def but(key: str, **more: str) -> dict[str, str]:
    """Our labels without one, and with others."""
    return {each: value for each, value in LABELS.items() if each != key} | more


def notes(**given: str | None) -> dict[str, str]:
    """Our annotations, one of them changed."""
    changed = {f"whisklab.dev/{key}": value for key, value in given.items()}
    return {key: value for key, value in (NOTES | changed).items() if value is not None}


ROLE = "label openwhisk-role is not core"
RECORD = "its record of what is ours differs"
BOTH = [DEDICATED, BARE]
OF_OTHERS = {**DEDICATED, "key": "Dedicated"}
WITH_GONE = '["example.org/disk", "gone", "openwhisk-role"]'
# By name: what is otherwise, the request that mends it, and why.
DIFFERENCES: dict[str, tuple[dict[str, Any], fake.Change, list[str]]] = {
    "label missing": (
        {"labels": but("openwhisk-role")}, patch(labels={"openwhisk-role": "core"}), [ROLE],
    ),
    "label other": (
        {"labels": {**LABELS, "openwhisk-role": "edge"}},
        patch(labels={"openwhisk-role": "core"}), [ROLE],
    ),
    "label empty": (
        {"labels": {**LABELS, "openwhisk-role": ""}},
        patch(labels={"openwhisk-role": "core"}), [ROLE],
    ),
    "label in other case": (
        {"labels": but("openwhisk-role", **{"OpenWhisk-role": "core"})},
        patch(labels={"openwhisk-role": "core"}), [ROLE],
    ),
    "label with a prefix missing": (
        {"labels": but("example.org/disk", disk="ssd")},
        patch(labels={"example.org/disk": "ssd"}), ["label example.org/disk is not ssd"],
    ),
    "all labels missing": (
        {"labels": {}}, patch(labels=LABELS), ["label example.org/disk is not ssd", ROLE],
    ),
    "label of ours too many": (
        {"labels": {**LABELS, "gone": "x"}, "notes": notes(labels=WITH_GONE)},
        patch(labels={"gone": None}, annotations={OUR_LABELS: NOTES[OUR_LABELS]}),
        ["label gone is to go"],
    ),
    "label of ours that is gone already": (
        {"notes": notes(labels=WITH_GONE)},
        patch(annotations={OUR_LABELS: NOTES[OUR_LABELS]}), [RECORD],
    ),
    "taint missing": ({"taints": [BARE]}, patch(taints=BOTH), ["the taints differ"]),
    "taint without a value missing": (
        {"taints": [DEDICATED]}, patch(taints=BOTH), ["the taints differ"],
    ),
    "all taints missing": ({"taints": []}, patch(taints=BOTH), ["the taints differ"]),
    "taint of another value": (
        {"taints": [{**DEDICATED, "value": "x"}, BARE]}, patch(taints=BOTH), ["the taints differ"],
    ),
    "taint without its value": (
        {"taints": [{"key": "dedicated", "effect": "NoSchedule"}, BARE]},
        patch(taints=BOTH), ["the taints differ"],
    ),
    "taint with a value too many": (
        {"taints": [DEDICATED, {**BARE, "value": "x"}]}, patch(taints=BOTH), ["the taints differ"],
    ),
    "taint of another key": (
        {"taints": [OF_OTHERS, BARE]},
        ("PATCH", W1, {
            "spec": {"taints": [UNSCHEDULABLE, BESIDE, OF_OTHERS, *BOTH]},
            "metadata": {"resourceVersion": "7"},
        }),
        ["the taints differ"],
    ),
    "taint of ours too many": (
        {"taints": [{"key": "gone", "value": "x", "effect": "NoExecute"}, *BOTH],
         "notes": notes(taints='["bare:NoExecute", "dedicated:NoSchedule", "gone:NoExecute"]')},
        patch(taints=BOTH, annotations={OUR_TAINTS: NOTES[OUR_TAINTS]}), ["the taints differ"],
    ),
    "taint of ours of another effect too many": (
        {"taints": [{**BARE, "effect": "NoSchedule"}, *BOTH],
         "notes": notes(taints='["bare:NoSchedule"]')},
        patch(taints=BOTH, annotations={OUR_TAINTS: NOTES[OUR_TAINTS]}), ["the taints differ"],
    ),
    "taint of ours that is gone already": (
        {"notes": notes(taints='["bare:NoExecute", "dedicated:NoSchedule", "gone:NoExecute"]')},
        patch(annotations={OUR_TAINTS: NOTES[OUR_TAINTS]}), [RECORD],
    ),
    **{
        f"record of {kind} {name}": (
            {"notes": notes(**{kind: value})},
            patch(annotations={f"whisklab.dev/{kind}": NOTES[f"whisklab.dev/{kind}"]}), [RECORD],
        )
        for kind in ("labels", "taints")
        for name, value in {
            "missing": None, "empty": "", "broken": "{", "no list": '{"a": 1}', "null": "null",
            "of numbers": "[1, 2]", "shorter": "[]",
        }.items()
    },
}  # fmt: skip


def unversioned(found: dict[str, Any]) -> dict[str, Any]:
    """The node without what each change of it counts up."""
    return dict(fake.merged(found, {"metadata": {"resourceVersion": None}}))


def by_key(found: dict[str, Any]) -> dict[str, Any]:
    """The node with its taints sorted: they are a set."""
    taints = sorted(found["spec"].get("taints", []), key=lambda each: sorted(each.items()))
    return dict(fake.merged(unversioned(found), {"spec": {"taints": taints}}))


@pytest.mark.parametrize("given", [{}, {"taints": [BARE, DEDICATED]}])
def test_a_node_that_has_all_needs_nothing(serve: Callable[..., Api], given: Any) -> None:
    api = serve(cluster(**given))
    before = copy.deepcopy(api.nodes)
    assert label().idle
    assert (api.changes, api.nodes) == ([], before)
    assert set(api.asked) == {W1}


@pytest.mark.parametrize("beside", [True, False])
def test_a_node_of_which_nothing_is_wanted_keeps_what_others_have_set(
    serve: Callable[..., Api], *, beside: bool
) -> None:
    """It may have no labels, no annotations and no taints at all."""
    api = serve(cluster(labels={}, notes={}, taints=[]) if beside else fake.of(node("w1")))
    before = copy.deepcopy(api.nodes)
    assert label(labels={}, taints=[]).idle
    assert (api.changes, api.nodes) == ([], before)


@pytest.mark.parametrize(("given", "request_", "why"), DIFFERENCES.values(), ids=DIFFERENCES)
def test_each_difference_is_mended_by_one_request_for_just_that(
    serve: Callable[..., Api], given: Any, request_: fake.Change, why: list[str]
) -> None:
    api = serve(cluster(**given))
    others = copy.deepcopy(api.nodes["w2"])
    planned = label(only_plan=True)
    assert (planned.planned, planned.why, planned.failed) == (True, why, False)
    assert api.changes == []

    done = label()
    assert (len(done.commands), done.failed) == (1, False)
    assert api.changes == [request_]
    strange = [each for each in given.get("taints", []) if each["key"] == OF_OTHERS["key"]]
    known = {*LABELS, "gone"}
    theirs = {key: value for key, value in given.get("labels", {}).items() if key not in known}
    wanted = labelled(labels={**LABELS, **theirs}, taints=[*BOTH, *strange])
    assert by_key(api.nodes["w1"]) == by_key(wanted)
    assert api.nodes["w2"] == others
    assert label().idle
    assert len(api.changes) == 1


def test_a_new_node_gets_all_by_one_request(serve: Callable[..., Api]) -> None:
    api = serve(fake.of(node("w1")))
    assert not label().failed
    assert api.changes == [("PATCH", W1, {
        "metadata": {"labels": LABELS, "annotations": NOTES, "resourceVersion": "7"},
        "spec": {"taints": BOTH},
    })]  # fmt: skip
    assert label().idle


@pytest.mark.parametrize(
    ("labels", "taints", "request_"),
    [
        ({}, TAINTS,
         patch(labels=dict.fromkeys(LABELS), annotations={OUR_LABELS: None})),
        (LABELS, [], patch(taints=[], annotations={OUR_TAINTS: None})),
        (but("openwhisk-role"), TAINTS,
         patch(labels={"openwhisk-role": None}, annotations={OUR_LABELS: '["example.org/disk"]'})),
        (LABELS, TAINTS[:1],
         patch(taints=[DEDICATED], annotations={OUR_TAINTS: '["dedicated:NoSchedule"]'})),
        ({}, [], patch(taints=[], labels=dict.fromkeys(LABELS), annotations=dict.fromkeys(NOTES))),
    ],
)  # fmt: skip
def test_what_the_data_no_longer_name_goes_and_nothing_else(
    serve: Callable[..., Api], labels: Any, taints: Any, request_: fake.Change
) -> None:
    api = serve(cluster())
    assert not label(labels=labels, taints=taints).failed
    assert api.changes == [request_]
    assert label(labels=labels, taints=taints).idle
    found = api.nodes["w1"]
    assert {key: value for key, value in found["metadata"]["labels"].items()
            if key not in labels} == FOREIGN  # fmt: skip
    assert FOREIGN_NOTES.items() <= found["metadata"]["annotations"].items()
    assert found["spec"]["taints"][:2] == [UNSCHEDULABLE, BESIDE]
    assert found["spec"]["unschedulable"]


@pytest.mark.parametrize("record", [None, "{", '{"a": 1}', "3"])
def test_without_a_record_nothing_is_taken_away(
    serve: Callable[..., Api], record: str | None
) -> None:
    api = serve(cluster(notes=notes(labels=record, taints=record)))
    assert not label(labels={}, taints=[]).failed
    changed = {} if record is None else {OUR_LABELS: None, OUR_TAINTS: None}
    assert api.changes == ([patch(annotations=changed)] if changed else [])
    wanted = labelled(notes={})
    assert unversioned(api.nodes["w1"]) == unversioned(wanted)


def test_a_label_that_somebody_sets_meanwhile_stays_and_a_conflict_is_tried_again(
    serve: Callable[..., Api],
) -> None:
    api = serve(cluster(labels={}))
    theirs = {"metadata": {"labels": {"meanwhile": "x"}}}

    def meanwhile(method: str, _path: str) -> None:
        if method == "PATCH" and len(api.changes) == 1:
            api.touch("w1", fake.merged(api.nodes["w1"], theirs))

    api.meanwhile = meanwhile
    assert not label().failed
    assert api.changes == [patch(labels=LABELS), patch(labels=LABELS, version="8")]
    assert api.nodes["w1"]["metadata"]["labels"] == {**FOREIGN, **LABELS, "meanwhile": "x"}
    assert label().idle


def test_who_changes_all_the_time_is_given_up_with_one_sentence(serve: Callable[..., Api]) -> None:
    api = serve(cluster(labels={}))

    def meanwhile(method: str, _path: str) -> None:
        if method == "PATCH":
            api.touch("w1", api.nodes["w1"])

    api.meanwhile = meanwhile
    done = label()
    assert (done.failed, len(api.changes)) == (True, operations.ATTEMPTS)
    said = f"node w1 changed {operations.ATTEMPTS} times while it was being labelled"
    assert done.errors[0] == said


def test_what_somebody_else_mends_meanwhile_is_not_mended_again(serve: Callable[..., Api]) -> None:
    api = serve(cluster(labels={}))
    whole = labelled()
    api.meanwhile = fake.after(3, W1, lambda: api.nodes.update(w1=whole))
    done = label()  # the third look is that before the request
    assert (len(done.commands), done.failed, api.changes) == (1, False, [])


@pytest.mark.parametrize("name", SILENT)
def test_while_the_api_does_not_answer_it_is_unknown_and_work_to_do(
    serve: Callable[..., Api], name: str
) -> None:
    given, until, sentence = SILENT[name]
    api = serve(cluster(labels={}))
    api.meanwhile = fake.always(given)
    planned = label(only_plan=True)
    assert (planned.planned, planned.failed) == (True, False)
    assert planned.reasons == (Reason(f"unknown until {until}", unknown=True),)

    never = label()
    assert (never.failed, never.errors[0]) == (True, sentence)
    assert api.changes == []

    done = label(between=lambda: setattr(api, "meanwhile", None))
    assert (len(done.commands), done.failed) == (1, False)
    assert api.changes == [patch(labels=LABELS)]


def test_an_api_that_answers_later_that_all_is_there_gets_no_request(
    serve: Callable[..., Api],
) -> None:
    api = serve(cluster())
    api.meanwhile = fake.always(SILENT["cut"][0])
    done = label(between=lambda: setattr(api, "meanwhile", None))
    assert (done.planned, done.commands, done.failed, api.changes) == (True, [], False, [])


def test_a_server_that_has_never_run_has_no_api() -> None:
    done = label()
    assert done.reasons == (Reason("unknown until the API answers", unknown=True),)
    assert (done.failed, done.errors[0]) == (True, f"@local has no {ENDPOINT.kubeconfig} yet")


def test_a_machine_that_is_no_node_yet_is_unknown_until_it_is(serve: Callable[..., Api]) -> None:
    api = serve(fake.of(node("w2")))
    done = label()
    assert (done.planned, [each.unknown for each in done.reasons]) == (True, [True])
    assert (done.failed, done.errors[0]) == (True, "w1 is not a node of the cluster yet")
    assert api.changes == []
    done = label(between=lambda: api.nodes.update(w1=node("w1")))
    assert (len(done.commands), done.failed) == (1, False)
    assert label().idle


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refused_look_is_said_and_not_taken_for_all_is_well(
    serve: Callable[..., Api], name: str
) -> None:
    given, sentence = REFUSALS[name]
    api = serve(cluster())
    api.meanwhile = fake.always(given)
    done = label()
    assert (done.failed, done.errors, api.changes) == (True, [sentence], [])


REFUSED = "the API refused labels of w1: "


@pytest.mark.parametrize(
    ("given", "sentence"),
    [*((given, said) for given, _, said in SILENT.values()),
     *((given, REFUSED + said) for name, (given, said) in REFUSALS.items() if name != "409")],
    ids=[*SILENT, *(name for name in REFUSALS if name != "409")],
)  # fmt: skip
def test_a_change_that_the_api_does_not_take_fails_the_host_and_the_next_run_does_it(
    serve: Callable[..., Api], given: fake.Given, sentence: str
) -> None:
    api = serve(cluster(labels={}))
    api.meanwhile = fake.always(given, method="PATCH")
    done = label()
    assert (done.failed, done.errors[0], len(api.changes)) == (True, sentence, 1)
    api.meanwhile = None
    assert not label().failed
    assert label().idle


def test_one_taint_twice_is_refused_by_the_api_and_said(serve: Callable[..., Api]) -> None:
    api = serve(cluster())
    done = label(taints=["a=1:NoExecute", "a=2:NoExecute"])
    assert done.failed
    assert done.errors[0] == f"{REFUSED}taints must be unique by key and effect pair"
    assert json.dumps(api.nodes["w1"]) == json.dumps(labelled())
