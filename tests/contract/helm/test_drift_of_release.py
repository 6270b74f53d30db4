"""Objects of a release are put back without helm; a release that is to go, goes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.contract import fake_kubernetes as fake
from tests.contract.helm.cluster import (
    CLAIM,
    DEPLOYMENT,
    JOB,
    MAP,
    SEEN,
    WISH,
    WORKS,
    Server,
    installed,
    otherwise,
)
from whisklab.engine.drift.settings import DriftSettings
from whisklab.engine.kubernetes import waiting

BY = "?fieldManager=whisklab"
GONE = otherwise(present=False, chart=None, values={})
UNINSTALL = ["uninstall", "hello", "--namespace", "apps", "--ignore-not-found", "--timeout", "60s"]


def edit(path: str, **fields: Any) -> Callable[[Server], object]:
    return lambda server: server.api.things.update(
        {path: fake.merged(server.api.things[path], fields)}
    )


def delete(path: str) -> Callable[[Server], object]:
    return lambda server: server.api.things.pop(path)


def patch(path: str, **body: Any) -> fake.Change:
    return ("PATCH", f"{path}{BY}", body)


# By name: what somebody does, the one request that undoes it, and why.
EDITS: dict[str, tuple[Callable[[Server], object], fake.Change, str]] = {
    "data": (edit(MAP, data={"message": "ho"}), patch(MAP, data={"message": "hi"}),
             'ConfigMap/hello: data.message is "ho", not "hi"'),
    "data gone": (edit(MAP, data={"message": None}), patch(MAP, data={"message": "hi"}),
                  'ConfigMap/hello: data.message is unset, not "hi"'),
    "replicas": (edit(DEPLOYMENT, spec={"replicas": 3}), patch(DEPLOYMENT, spec={"replicas": 1}),
                 "Deployment/hello: spec.replicas is 3, not 1"),
    "claim": (edit(CLAIM, spec={"size": 0}), patch(CLAIM, spec={"size": 1}),
              "PersistentVolumeClaim/hello: spec.size is 0, not 1"),
    "job": (edit(JOB, spec={"tries": 0}), patch(JOB, spec={"tries": 1}),
            "Job/hello: spec.tries is 0, not 1"),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_each_edit_alone_is_undone_by_one_request_and_no_helm(server: Server, name: str) -> None:
    does, request, why = EDITS[name]
    installed(server)
    does(server)
    planned = server.released(only_plan=True)
    assert planned.why == [why]
    server.api.changes.clear()
    done = server.released()
    assert (done.failed, done.errors) == (False, [])
    assert [each for each in server.api.changes if "dryRun" not in each[1]] == [request]
    assert server.called() == []
    assert server.released().idle


@pytest.mark.parametrize("path", [MAP, CLAIM, DEPLOYMENT, JOB])
def test_each_object_that_is_gone_is_made_again_as_helms(server: Server, path: str) -> None:
    installed(server)
    delete(path)(server)
    (why,) = server.released(only_plan=True).why
    assert why.endswith("/hello is not there")
    assert server.api.changes == []
    assert not server.released().failed
    ((method, at, body),) = server.api.changes
    assert (method, at) == ("POST", f"{path.rpartition('/')[0]}{BY}")
    assert body["metadata"]["labels"] == {"app.kubernetes.io/managed-by": "Helm"}
    assert body["metadata"]["annotations"] == {
        "meta.helm.sh/release-name": "hello", "meta.helm.sh/release-namespace": "apps"
    }  # fmt: skip
    assert server.called() == []
    assert server.released().idle


@pytest.mark.parametrize(
    "does",
    [
        edit(MAP, data={"more": "theirs"}),
        edit(MAP, metadata={"labels": {"theirs": "1"}}),
        edit(CLAIM, status={"phase": "Bound"}),
        edit(DEPLOYMENT, spec={"paused": True}),
    ],
)
def test_what_others_add_beside_is_theirs(server: Server, does: Callable[[Server], object]) -> None:
    installed(server)
    does(server)
    assert server.released().idle


def test_what_is_ignored_is_left(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    ignored = DriftSettings(ignored=["ConfigMap/hello data.message", "Job/*"])
    monkeypatch.setattr(DriftSettings, "of", classmethod(lambda _, __: ignored))
    installed(server)
    edit(MAP, data={"message": "ho"})(server)
    delete(JOB)(server)
    assert server.released().idle


def test_an_object_that_cannot_be_put_back_is_told(server: Server) -> None:
    installed(server)
    edit(MAP, data={"message": "ho"})(server)
    server.api.immutable.add(MAP)
    done = server.released()
    assert done.failed
    assert done.errors[0].startswith(f'ConfigMap/hello cannot be put back: "{MAP}" is invalid')


def test_a_job_that_cannot_be_put_back_is_made_anew(server: Server) -> None:
    installed(server)
    edit(JOB, spec={"tries": 0})(server)
    server.api.immutable.add(JOB)
    assert not server.released().failed
    changes = [each[:2] for each in server.api.changes if "dryRun" not in each[1]]
    assert changes[-2:] == [("DELETE", JOB), ("POST", f"{JOB.rpartition('/')[0]}{BY}")]
    assert server.api.things[JOB]["spec"] == {"tries": 1}


def test_a_workload_that_is_not_ready_is_waited_for_if_it_is_wanted(server: Server) -> None:
    wish = otherwise(wait=True)
    installed(server, wish)
    edit(DEPLOYMENT, status={"readyReplicas": 0})(server)
    why = server.released(wish, only_plan=True).why
    assert why == ["Deployment/hello: 0 of 1 are ready"]
    looks = fake.after(3, DEPLOYMENT, lambda: edit(DEPLOYMENT, status=WORKS)(server))
    server.api.meanwhile = looks
    done = server.released(wish)
    assert (done.failed, server.api.changes, server.called()) == (False, [], [])


def test_one_that_never_gets_ready_fails_with_what_is_not(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    wish = otherwise(wait=True, timeout=0)
    installed(server, wish)
    edit(DEPLOYMENT, status={"readyReplicas": 0})(server)
    monkeypatch.setattr(waiting, "FIRST", 0.0)
    done = server.released(wish)
    assert (done.failed, done.errors[0]) == (True, "release hello: not ready after 0 s")


@pytest.mark.parametrize("status", [None, "uninstalled"])
def test_one_that_is_to_be_gone_and_is_needs_nothing(server: Server, status: str | None) -> None:
    if status:
        server.record(WISH, status)
    assert server.released(GONE).idle
    assert (server.called(), server.api.changes) == ([], [])


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("status", ["deployed", "failed"])
def test_one_that_is_to_go_is_uninstalled_and_its_claim_kept_if_wanted(
    server: Server, status: str, *, keep: bool
) -> None:
    wish = otherwise(present=False, chart=None, values={}, keep_claims=keep)
    installed(server)
    server.record(WISH, status)
    planned = server.released(wish, only_plan=True)
    assert (planned.why, server.called()) == (["it is not wanted any more"], [])
    manifests: list[str] = []

    def uninstall() -> None:
        manifests.append(server.document()["manifest"])
        server.record(WISH, "uninstalled")

    server.upgraded = uninstall
    done = server.released(wish)
    assert (done.failed, done.errors) == (False, [])
    assert server.called() == [[*UNINSTALL, *SEEN]]
    assert ("PersistentVolumeClaim" in manifests[0]) is not keep
    assert "Deployment" in manifests[0]
    assert server.released(wish).idle


def test_an_uninstallation_that_fails_is_told(server: Server) -> None:
    installed(server)
    server.helm("uninstall", 1, warns="Error: timed out waiting\n")
    done = server.released(GONE)
    assert (done.failed, done.errors[0]) == (True, "release hello: helm: timed out waiting")
