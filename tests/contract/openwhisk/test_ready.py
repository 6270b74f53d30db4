"""All stages of an installation are reached, before an API server of the tests' own."""

from __future__ import annotations

from typing import Any

import pytest

from deploys.openwhisk import operations
from deploys.openwhisk import waiting as stages_waiting
from deploys.openwhisk.stages import stages
from tests.contract import fake_kubernetes as fake
from tests.contract.fake_kubernetes import ENDPOINT, REFUSALS, SILENT, always, merged
from tests.contract.fake_objects import Objects
from tests.contract.openwhisk.installed import (
    COMPLETE,
    FAILED,
    INVOKERS,
    SETTINGS,
    SPACE,
    installed,
    place,
)
from whisklab.engine.kubernetes import waiting

LOOKS = 4  # by the last of which it works
TOTAL = len(stages(SETTINGS))
DEPLOYMENTS = "/apis/apps/v1/namespaces/openwhisk/deployments"
JOBS = "/apis/batch/v1/namespaces/openwhisk/jobs"


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Objects:
    """Has all that is wanted; waits have no pauses."""
    monkeypatch.setattr(waiting, "POLL", 0.0)
    found = installed()
    fake.serve(monkeypatch, found)
    return found


def ready(*, timeout: int = 1, **how: Any) -> fake.Done:
    do = fake.plan if how.pop("only_plan", False) else fake.carry_out
    settings = SETTINGS.model_copy(update={"timeout": timeout})
    return do(operations.ready, settings=settings, api=ENDPOINT, **how)


def edit(api: Objects, stage: str, **fields: Any) -> None:
    path = place(stage)
    api.things[path] = merged(api.things[path], fields)


def test_an_installation_that_works_needs_four_lists_and_nothing_else(api: Objects) -> None:
    assert ready(only_plan=True).idle
    lists = [each.format("openwhisk") for each in stages_waiting.LISTS.values()]
    assert (api.asked, api.changes) == (lists, [])
    assert ready().idle


NOT_YET: dict[str, tuple[dict[str, Any], str]] = {
    "couchdb": ({"status": {"readyReplicas": 0}}, "0 of 1 are ready"),
    "redis": ({"status": None}, "0 of 1 are changed"),
    "zookeeper": ({"spec": {"replicas": 0}}, "it is scaled to 0"),
    "kafka": ({"metadata": {"generation": 2}}, "it has just been changed"),
    "invoker": ({"status": {"replicas": 2}}, "1 more than wanted still end"),
    "nginx": ({"status": {"updatedReplicas": 0}}, "0 of 1 are changed"),
    "init-couchdb": ({"status": None}, "it runs"),
    "install-packages": ({"status": {"conditions": None, "failed": 2}},
                         "it runs, 2 tries have failed"),
    "claims": ({"status": {"phase": "Pending"}}, "owdev-db-pvc is Pending"),
}  # fmt: skip


@pytest.mark.parametrize("stage", NOT_YET)
def test_each_stage_that_is_not_reached_is_told_and_waited_for(api: Objects, stage: str) -> None:
    fields, why = NOT_YET[stage]
    before = api.things[place(stage)]
    edit(api, stage, **fields)
    done = f"{TOTAL - 1} of {TOTAL} stages; at {stage} ({why})"
    assert ready(only_plan=True).why == [done]
    assert api.changes == []
    jobs = fake.after(6, JOBS, lambda: api.things.update({place(stage): before}))
    api.meanwhile = jobs
    waited = ready(timeout=600)
    assert (waited.failed, waited.errors) == (False, [])
    assert api.changes == []
    assert ready().idle


@pytest.mark.parametrize("stage", [each.name for each in stages(SETTINGS)])
def test_each_stage_whose_object_is_not_there_is_told(api: Objects, stage: str) -> None:
    del api.things[place(stage)]
    (why,) = ready(only_plan=True).why
    none = "there are none" if stage == "claims" else "it is not there"
    assert why == f"{TOTAL - 1} of {TOTAL} stages; at {stage} ({none})"


def test_when_the_time_is_over_the_stage_is_named_with_its_pods_and_what_helps(
    api: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "FIRST", 0.0)
    edit(api, "nginx", status={"readyReplicas": 0})
    status = {"name": "nginx", "ready": False, "restartCount": 0,
              "state": {"waiting": {"reason": "ContainerCreating"}}}  # fmt: skip
    api.have(f"{SPACE}/pods/owdev-nginx-x", metadata={"labels": {"name": "owdev-nginx"}}, spec={},
             status={"phase": "Pending", "containerStatuses": [status]})  # fmt: skip
    done = ready(timeout=0)
    assert done.failed
    assert done.errors[0].startswith("OpenWhisk: after 0 s stage nginx blocks: 0 of 1 are ready")


def test_invokers_that_controllers_cannot_use_are_waited_for(api: Objects) -> None:
    edit(api, "couchdb", status={"readyReplicas": 0})

    api.things[INVOKERS] = {"invoker0/0": "unhealthy"}

    def heard(_method: str, path: str) -> None:
        if api.asked.count(path) == LOOKS and path == DEPLOYMENTS:
            edit(api, "couchdb", status={"readyReplicas": 1})
        if api.asked.count(INVOKERS) == LOOKS:
            api.things[INVOKERS] = {"invoker0/0": "up"}

    api.meanwhile = heard
    done = ready(timeout=600)
    assert not done.failed
    assert api.asked.count(INVOKERS) == LOOKS + stages_waiting.STEADY - 1


@pytest.mark.parametrize("name", ["init-couchdb", "install-packages"])
def test_a_job_that_has_failed_is_made_anew_first(api: Objects, name: str) -> None:
    edit(api, name, status=FAILED)
    path = place(name)

    def created(method: str, _path: str) -> None:
        if method == "GET" and path in api.things and ("POST", JOBS) in made():
            edit(api, name, status=COMPLETE)

    def made() -> list[tuple[str, str]]:
        return [each[:2] for each in api.changes]

    api.meanwhile = created
    done = ready(timeout=600)
    assert (done.failed, done.errors) == (False, [])
    assert made() == [("DELETE", path), ("POST", JOBS)]
    assert api.changes[0][2] == {"propagationPolicy": "Foreground"}
    body = api.changes[1][2]
    assert body["metadata"] == {"name": f"owdev-{name}"}
    assert body["spec"] == {"template": {"metadata": {"labels": {"app": "y"}}, "spec": {}}}


@pytest.mark.parametrize("name", SILENT)
def test_before_the_api_answers_it_is_unknown_and_waited_for(api: Objects, name: str) -> None:
    given, until, _ = SILENT[name]
    api.meanwhile = always(given)
    planned = ready(only_plan=True)
    assert (planned.planned, planned.why) == (True, [f"unknown until {until}"])
    done = ready(between=lambda: setattr(api, "meanwhile", None))
    assert (done.failed, api.changes) == (False, [])


@pytest.mark.parametrize("name", REFUSALS)
def test_a_look_that_is_refused_fails_the_host(api: Objects, name: str) -> None:
    given, sentence = REFUSALS[name]
    api.meanwhile = always(given)
    assert ready(only_plan=True).why == [sentence]
    done = ready()
    assert (done.failed, done.errors[0]) == (True, sentence)
