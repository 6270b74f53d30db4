"""Which storage class is the default, before an API server of the tests' own."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from deploys.provisioner import operations
from deploys.provisioner.render import DEFAULT, TAKEN
from tests.contract import fake_kubernetes as fake
from tests.contract.fake_kubernetes import ENDPOINT, REFUSALS, SILENT, Change
from tests.contract.fake_objects import Objects, objects

CLASSES = operations.CLASSES
OURS = "nfs-client"
YES, NO = {DEFAULT: "true"}, {DEFAULT: "false"}
GIVEN_UP = {DEFAULT: "false", TAKEN: "true"}
STILL, NO_LONGER = "{} is still the default", "{} is no longer the default"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Objects:
    """A cluster whose only default class is ours."""
    served = objects(**{
        f"{CLASSES}/{OURS}": {"metadata": {"annotations": YES}},
        f"{CLASSES}/local-path": {"metadata": {"annotations": {"theirs": "1", **GIVEN_UP}}},
        f"{CLASSES}/plain": {},
    })  # fmt: skip
    fake.serve(monkeypatch, served)
    return served


def default(*, wanted: bool = True, **how: Any) -> fake.Done:
    do = fake.plan if how.pop("only_plan", False) else fake.carry_out
    return do(operations.default_class, ours=OURS, api=ENDPOINT, wanted=wanted, **how)


def noted(api: Objects, name: str, notes: Any) -> None:
    api.have(f"{CLASSES}/{name}", metadata={"annotations": notes})


def patch(name: str, **notes: str | None) -> Change:
    body = {"metadata": {"annotations": {DEFAULT: notes["default"], TAKEN: notes["taken"]}}}
    return ("PATCH", f"{CLASSES}/{name}", body)


def taken(name: str) -> Change:
    return patch(name, default="false", taken="true")


def given_back(name: str, default: str = "true") -> Change:
    return patch(name, default=default, taken=None)


@pytest.mark.parametrize("notes", [None, {}, NO, {"theirs": "1"}, {DEFAULT: "True"}, GIVEN_UP])
def test_a_class_that_is_no_default_is_left_alone(api: Objects, notes: Any) -> None:
    noted(api, "theirs", notes)
    before = copy.deepcopy(api.things)
    assert default().idle
    assert (api.changes, api.things) == ([], before)
    assert set(api.asked) == {CLASSES}


def test_not_wanted_nothing_was_taken_and_nothing_is_given_back(api: Objects) -> None:
    noted(api, "local-path", YES)
    assert default(wanted=False).idle
    assert api.changes == []


@pytest.mark.parametrize("names", [["local-path"], ["plain"], ["local-path", "plain"]])
def test_other_defaults_stop_being_it_and_nothing_else_of_them_changes(
    api: Objects, names: list[str]
) -> None:
    for name in names:
        noted(api, name, {"theirs": "1", **YES})
    planned = default(only_plan=True)
    assert planned.why == [STILL.format(name) for name in names]
    assert api.changes == []
    assert not default().failed
    assert api.changes == [taken(name) for name in names]
    for name in names:
        found = api.things[f"{CLASSES}/{name}"]["metadata"]["annotations"]
        assert found == {"theirs": "1", **GIVEN_UP}
    assert default().idle


@pytest.mark.parametrize("before", ["true", "false", ""])
def test_what_was_taken_is_given_back(api: Objects, before: str) -> None:
    noted(api, "local-path", {"theirs": "1", DEFAULT: "false", TAKEN: before})
    done = default(wanted=False)
    assert (done.failed, done.why) == (False, [NO_LONGER.format("local-path")])
    assert api.changes == [given_back("local-path", before)]
    found = api.things[f"{CLASSES}/local-path"]["metadata"]["annotations"]
    assert found == {"theirs": "1", DEFAULT: before}
    assert default(wanted=False).idle


def test_ours_is_helms_to_change(api: Objects) -> None:
    noted(api, OURS, NO)
    assert default().idle
    noted(api, OURS, {DEFAULT: "true", TAKEN: "true"})
    noted(api, "local-path", NO)
    assert default(wanted=False).idle


@pytest.mark.parametrize("name", SILENT)
def test_before_the_api_answers_it_is_unknown_and_looked_at_later(api: Objects, name: str) -> None:
    given, until, sentence = SILENT[name]
    noted(api, "local-path", YES)
    api.meanwhile = fake.always(given)
    planned = default(only_plan=True)
    assert (planned.planned, planned.failed) == (True, False)
    assert planned.why == [f"unknown until {until}"]
    done = default(between=lambda: setattr(api, "meanwhile", None))
    assert (done.failed, api.changes) == (False, [taken("local-path")])
    api.meanwhile = fake.always(given)
    lost = default()
    assert (lost.failed, lost.errors[0]) == (True, sentence)


@pytest.mark.parametrize("name", REFUSALS)
@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_what_the_api_refuses_is_said(api: Objects, name: str, method: str) -> None:
    given, sentence = REFUSALS[name]
    noted(api, "local-path", YES)
    before = copy.deepcopy(api.things)
    api.meanwhile = fake.always(given, method=method)
    done = default()
    assert (done.failed, done.errors[0]) == (True, sentence)
    assert api.things == before


NO_LIST = f"what the Kubernetes API of @local answers is no list of objects: {CLASSES}"


@pytest.mark.parametrize(
    "text",
    ["[]", "null", "{}", '"x"', '{"items": 1}', '{"items": {"a": 1}}', '{"items": [1]}',
     '{"items": [null]}', '{"items": ""}'],
)  # fmt: skip
def test_an_answer_that_is_no_list_of_objects_is_told(api: Objects, text: str) -> None:
    api.meanwhile = fake.always((200, text))
    planned = default(only_plan=True)
    assert (planned.failed, planned.why) == (False, ["unknown until the API answers"])
    done = default()
    assert (done.failed, done.errors[0]) == (True, NO_LIST)


def test_a_list_of_nothing_may_be_null(api: Objects) -> None:
    """As Go writes a slice that was never made."""
    api.meanwhile = fake.always((200, '{"items": null}'))
    assert default().idle
