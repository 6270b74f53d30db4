"""A release is brought to the wish by helm, with its chart and its values, and no secret told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.contract.fake_kubernetes import REFUSALS, SILENT, always
from tests.contract.helm.cluster import (
    CHART,
    RENDERED,
    RENDERED_AGAIN,
    SECRET,
    SECRETS,
    VERSION,
    WISH,
    Server,
    installed,
    otherwise,
    upgraded,
)
from whisklab.engine.helm.release import Release


def as_wished(server: Server, release: Release = WISH) -> None:
    """Have an upgrade do what it should."""
    server.upgraded = lambda: installed(server, release)


def test_a_release_as_wished_needs_no_helm_and_no_change(server: Server) -> None:
    installed(server)
    assert server.released().idle
    assert server.called() == []
    assert server.api.changes == []


def test_one_that_is_not_there_is_installed_with_its_chart_and_values(server: Server) -> None:
    as_wished(server)
    planned = server.released(only_plan=True)
    assert planned.why == ["it is not installed"]
    assert (planned.failed, server.called(), server.api.changes) == (False, [RENDERED], [])
    done = server.released()
    assert (done.failed, done.errors) == (False, [])
    assert server.called() == [RENDERED, RENDERED, upgraded()]
    assert json.loads((server.root / "values").read_text()) == WISH.values
    assert [each.name for each in server.machine.at("/run/whisklab").iterdir()] == []
    assert server.released().idle
    assert server.called() == []


def test_all_pods_are_waited_for_if_that_is_wanted(server: Server) -> None:
    wish = otherwise(wait=True)
    as_wished(server, wish)
    assert not server.released(wish).failed
    assert server.called()[-1] == upgraded(wish)
    assert server.released(wish).idle


BEFORE = {"a": 1}
# By name: what the record says, and why that is no more as wished.
DIFFERENCES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "value": ({"config": {"message": "ho", "password": SECRET}},
              ['value message is "ho", not "hi"']),
    "value missing": ({"config": {"password": SECRET}},
                      ['value message is unset, not "hi"']),
    "value too many": ({"config": {**WISH.values, "more": [1]}},
                       ["value more[0] is 1, not unset"]),
    "secret": ({"config": {"message": "hi", "password": "other"}}, ["value password differs"]),
    "no values": ({"config": None}, ['value message is unset, not "hi"',
                                     "value password differs"]),
    "chart": ({"chart": {"metadata": {"name": "hello", "version": "0.9"}}},
              ["its chart is hello 0.9, not hello 1.0.0"]),
    "same version, other chart": (
        {"info": {"description": otherwise(chart=replace(CHART, digest="b" * 64)).description}},
        ["its chart is another hello 1.0.0 than hello 1.0.0"]),
    "spelling": ({"info": {"description": otherwise(values={"x": 1}).description}},
                 ["its values were written otherwise"]),
    "by hand": ({"info": {"description": "Upgrade complete"}},
                ["revision 1 is not ours (Upgrade complete)"]),
    "no description": ({"info": {"description": ""}}, ["revision 1 is not ours ()"]),
    "failed": ({"status": "failed", "info": {"description": "timed out"}},
               ["its last change failed: timed out"]),
    "superseded": ({"status": "superseded", "info": {"description": "x"}},
                   ["its last change failed: x"]),
}  # fmt: skip


@pytest.mark.parametrize("name", DIFFERENCES)
def test_each_difference_of_its_record_is_told_and_upgraded(server: Server, name: str) -> None:
    given, why = DIFFERENCES[name]
    installed(server)
    server.record(WISH, **given)
    as_wished(server)
    planned = server.released(only_plan=True)
    assert (planned.failed, planned.why[: len(why)]) == (False, why)
    done = server.released()
    assert (done.failed, done.errors) == (False, [])
    assert server.called()[-1] == upgraded()
    assert server.released().idle


def test_an_uninstalled_one_is_installed(server: Server) -> None:
    server.record(WISH, "uninstalled")
    as_wished(server)
    assert server.released(only_plan=True).why[0] == "it is not installed"
    assert not server.released().failed
    assert server.called()[-1] == upgraded()


@pytest.mark.parametrize(
    "status",
    ["pending-install", "pending-upgrade", "pending-rollback", "uninstalling", "unknown"],
)
def test_one_that_was_interrupted_is_cleared_after_its_helm_has_ended(
    server: Server, status: str
) -> None:
    installed(server)
    server.record(WISH, status, number=2)
    cleared: list[str] = []

    def upgrade() -> None:
        cleared.append(server.document(2)["info"]["status"])
        server.record(WISH, number=3)

    server.upgraded = upgrade
    done = server.released()
    assert done.why[0] == f"its last change was interrupted ({status})"
    assert not done.failed
    assert server.called() == [RENDERED_AGAIN, VERSION, RENDERED_AGAIN, upgraded()]
    assert cleared == ["failed"]
    assert f"interrupted ({status})" in server.document(2)["info"]["description"]
    assert server.released().idle


def test_what_the_helm_of_a_killed_run_has_done_meanwhile_is_not_done_again(
    server: Server,
) -> None:
    """It ends while the lock is waited for, which the call for helm's version does."""
    installed(server)
    server.record(WISH, "pending-upgrade", number=2)
    server.versioned = lambda: server.record(WISH, number=2)
    assert not server.released().failed
    assert server.called() == [RENDERED_AGAIN, VERSION]
    assert server.released().idle


@pytest.mark.parametrize("name", SILENT)
def test_before_the_api_answers_it_is_unknown_and_done_later(server: Server, name: str) -> None:
    given, until, sentence = SILENT[name]
    as_wished(server)
    server.api.meanwhile = always(given)
    planned = server.released(only_plan=True)
    assert (planned.planned, planned.failed) == (True, False)
    assert planned.why == [f"unknown until {until}"]
    assert server.called() == []
    done = server.released(between=lambda: setattr(server.api, "meanwhile", None))
    assert (done.failed, server.called()) == (False, [RENDERED, upgraded()])
    server.api.meanwhile = always(given)
    lost = server.released()
    assert (lost.failed, lost.errors[0], server.called()) == (True, sentence, [])


@pytest.mark.parametrize("name", REFUSALS)
def test_a_look_that_is_refused_is_told_and_nothing_is_done(server: Server, name: str) -> None:
    given, sentence = REFUSALS[name]
    server.api.meanwhile = always(given)
    planned = server.released(only_plan=True)
    assert (planned.why, planned.failed) == ([sentence], False)
    done = server.released()
    assert (done.failed, done.errors[0]) == (True, sentence)
    assert (server.called(), server.api.changes) == ([], [])


CUT = {"release": "SDRzSUFBQUFBQUFBLzZ0V3lrdk1UVld5VWtCVXFnVUFsWGpOd2dzQUFBQT0="}
BROKEN: dict[str, Any] = {
    "no data": {}, "null": {"data": None}, "empty": {"data": {"release": ""}},
    "no base64": {"data": {"release": f"-{SECRET}"}}, "cut": {"data": CUT},
    "a list": {"data": ["x"]}, "a number": {"data": {"release": 1}},
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_record_that_is_none_is_told_without_what_it_says(server: Server, name: str) -> None:
    installed(server)
    path = f"{SECRETS}/sh.helm.release.v1.hello.v1"
    labels = server.api.things[path]["metadata"]["labels"]
    server.api.have(path, metadata={"labels": labels}, **BROKEN[name])
    done = server.released()
    assert done.failed
    assert "Secret sh.helm.release.v1.hello.v1 is no record of a Helm release" in done.errors[0]
    assert server.called() == []


@pytest.mark.parametrize("missing", ["version", "info", "chart", "name", "namespace"])
def test_a_record_without_what_is_read_is_told(server: Server, missing: str) -> None:
    left_out: Any = {missing: ...}
    server.record(WISH, **left_out)
    done = server.released()
    assert done.failed
    assert "is no record of a Helm release" in done.errors[0]


@pytest.mark.parametrize("labels", [{}, {"version": ""}, {"version": "new"}])
def test_a_record_whose_label_has_no_number_is_told(server: Server, labels: Any) -> None:
    installed(server)
    path = f"{SECRETS}/sh.helm.release.v1.hello.v1"
    data = server.api.things[path]["data"]
    server.api.have(
        path, metadata={"labels": {"owner": "helm", "name": "hello", **labels}}, data=data
    )
    done = server.released()
    assert done.failed
    assert "sh.helm.release.v1.hello.v1" in done.errors[0]
