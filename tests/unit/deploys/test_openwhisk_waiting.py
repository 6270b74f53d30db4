"""An apply that waits for OpenWhisk: until when, what ends it, and what is said then."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from deploys.openwhisk import invokers, stages
from deploys.openwhisk import waiting as of_openwhisk
from deploys.openwhisk.patience import GIVE_UP_AFTER
from deploys.openwhisk.settings import OpenWhiskSettings
from deploys.openwhisk.stages import CLAIM, JOB
from whisklab.engine.kubernetes import kube, waiting
from whisklab.engine.kubernetes.client import Client
from whisklab.errors import WhisklabError

SETTINGS = OpenWhiskSettings(timeout=600)
SERVER: Any = SimpleNamespace(name="m1", state=SimpleNamespace())
KAFKA, PACKAGES = "owdev-kafka", "owdev-install-packages"
WANTED = stages.stages(SETTINGS)


class Api:
    """An API server with all of OpenWhisk ready; `meanwhile` hears of each look at all stages."""

    def __init__(self) -> None:
        self.looks, self.changes = 0, list[tuple[str, str]]()
        self.meanwhile: Callable[[int], None] = lambda _: None
        self.pods: list[Any] = []
        self.objects: dict[str, Any] = {f"owdev-{each.name}": _made(each) for each in WANTED}

    def request(self, _: Any, __: Any, method: str, path: str, body: Any = None, **___: Any) -> Any:
        *_more, kind, name = path.partition("?")[0].split("/")
        if method != "GET":
            self.changes.append((method, name if method == "DELETE" else body["metadata"]["name"]))
            if method == "DELETE":
                del self.objects[name]
            else:
                done = [{"type": "Complete", "status": "True"}]
                self.objects[body["metadata"]["name"]] = {**body, "status": {"conditions": done}}
            return {}
        if name == "statefulsets":  # the first list of a look
            self.looks += 1
            self.meanwhile(self.looks)
        if kind == "jobs":
            raise kube.Refused(404, "not found")
        if name == "pods":
            return {"items": self.pods}
        if name in {"events", "log"}:
            return "" if name == "log" else {"items": []}
        kinds = {"statefulsets": stages.STATEFUL, "deployments": stages.DEPLOYMENT,
                 "jobs": JOB, "persistentvolumeclaims": CLAIM}  # fmt: skip
        names = [f"owdev-{each.name}" for each in WANTED if each.kind == kinds[name]]
        return {"items": [self.objects[each] for each in names if each in self.objects]}


def _made(stage: stages.Stage) -> dict[str, Any]:
    meta = {"name": f"owdev-{stage.name}"}
    if stage.kind == CLAIM:
        return {"metadata": meta, "status": {"phase": "Bound"}}
    if stage.kind == JOB:
        template: dict[str, Any] = {"metadata": {}, "spec": {}}
        done = [{"type": "Complete", "status": "True"}]
        return {"metadata": meta, "spec": {"template": template}, "status": {"conditions": done}}
    status = {"readyReplicas": 1, "updatedReplicas": 1, "replicas": 1}
    return {"metadata": meta, "spec": {"replicas": 1}, "status": status}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Api:
    """It answers, waits have no pauses, and the controllers know their invokers."""
    made = Api()
    monkeypatch.setattr(kube, "request", made.request)
    monkeypatch.setattr(waiting, "POLL", 0.0)
    monkeypatch.setattr(invokers, "tested", lambda *how: how[-1])
    return made


def wait(**settings: Any) -> None:
    of_openwhisk.wait(Client(SERVER, kube.Endpoint("", 0)), SETTINGS.model_copy(update=settings))


def replicas(api: Api, name: str, **status: int) -> None:
    api.objects[name]["status"].update(status)


def test_all_must_stay_well(api: Api) -> None:
    wait()
    assert api.looks == 1 + of_openwhisk.STEADY  # the first is for Jobs that have failed


def test_a_look_in_which_something_is_not_begins_anew(api: Api) -> None:
    api.meanwhile = lambda look: replicas(api, KAFKA, readyReplicas=int(look != 4))
    wait()
    assert api.looks == 4 + of_openwhisk.STEADY


def test_longer_when_something_of_before_still_ended(api: Api) -> None:
    api.meanwhile = lambda look: replicas(api, KAFKA, replicas=2 if look == 2 else 1)
    wait()
    assert api.looks == 2 + of_openwhisk.FORGOTTEN


def test_an_api_that_is_away_for_a_moment_is_waited_for(api: Api) -> None:
    def away(look: int) -> None:
        if look in {3, 4}:
            raise kube.Unreachable("the API is away")

    api.meanwhile = away
    wait()
    assert api.looks == 4 + of_openwhisk.STEADY


def test_time_that_is_over_names_the_stage_that_blocks(api: Api) -> None:
    replicas(api, KAFKA, readyReplicas=0)
    with pytest.raises(WhisklabError, match="^OpenWhisk: after 0 s stage kafka blocks: 0 of 1 are"):
        wait(timeout=0)


def test_an_api_that_stays_away_is_named(api: Api) -> None:
    replicas(api, KAFKA, readyReplicas=0)

    def away(look: int) -> None:
        if look > 2:
            raise kube.Unreachable("the API is away")

    api.meanwhile = away
    with pytest.raises(WhisklabError, match=r"^after 0 s still the API is away$"):
        wait(timeout=0.05)


def test_a_pod_that_cannot_start_ends_it(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    state = {"waiting": {"reason": "ErrImagePull", "message": "no such image"}}
    api.pods = [{
        "metadata": {"name": f"{KAFKA}-0", "labels": {"name": KAFKA}, "ownerReferences": [{}]},
        "status": {"containerStatuses": [
            {"name": "kafka", "ready": False, "restartCount": 0, "state": state}]},
    }]  # fmt: skip
    replicas(api, KAFKA, readyReplicas=0)
    began = time.monotonic()
    monkeypatch.setattr(
        of_openwhisk, "time", SimpleNamespace(monotonic=lambda: began + api.looks * GIVE_UP_AFTER)
    )
    with pytest.raises(WhisklabError) as caught:
        wait()
    assert str(caught.value).splitlines()[:2] == [
        "OpenWhisk: stage kafka blocks: 0 of 1 are ready",
        f"pod {KAFKA}-0 is not ready: ErrImagePull (container kafka)",
    ]
    assert api.looks == 3


def test_a_job_that_has_failed_is_made_anew(api: Api) -> None:
    failed = [{"type": "Failed", "status": "True"}]
    api.objects[PACKAGES]["status"] = {"conditions": failed}
    wait()
    assert api.changes == [("DELETE", PACKAGES), ("POST", PACKAGES)]


def test_one_that_fails_again_ends_it(api: Api) -> None:
    def fail(look: int) -> None:
        if look == 3:
            failed = [{"type": "Failed", "status": "True"}]
            api.objects[PACKAGES]["status"] = {"conditions": failed}

    api.meanwhile = fail
    with pytest.raises(WhisklabError, match="^OpenWhisk: stage install-packages blocks: it has"):
        wait()
