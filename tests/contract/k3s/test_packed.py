"""What k3s has packed is put back as it was packed: real manifests, an API of the tests' own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from deploys.k3s import packed
from tests.contract import fake_kubernetes as fake
from tests.contract.fake_kubernetes import ENDPOINT, REFUSALS, SILENT, always
from tests.contract.fake_objects import Objects
from whisklab.engine.kubernetes import waiting

SPACE = "/api/v1/namespaces/kube-system"
MAP = f"{SPACE}/configmaps/coredns"
ACCOUNT = f"{SPACE}/serviceaccounts/local-path"
DEPLOYMENT = "/apis/apps/v1/namespaces/kube-system/deployments/coredns"
CLASS = "/apis/storage.k8s.io/v1/storageclasses/local-path"
MANIFESTS = {
    "coredns.yaml": """\
apiVersion: v1
kind: ConfigMap
metadata: {name: coredns, namespace: kube-system}
data: {Corefile: ".:53"}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: coredns, namespace: kube-system}
spec: {replicas: 1}
""",
    "local-storage.yaml": """\
apiVersion: v1
kind: ServiceAccount
metadata: {name: local-path, namespace: kube-system}
---
apiVersion: storage.k8s.io/v1
kind: StorageClass
metadata: {name: local-path, annotations: {storageclass.kubernetes.io/is-default-class: "true"}}
provisioner: rancher.io/local-path
""",
    "metrics-server/service.yaml": """\
apiVersion: v1
kind: Service
metadata: {name: metrics-server, namespace: kube-system}
spec: {selector: {k8s-app: metrics}}
""",
    "theirs.yaml": "apiVersion: v1\nkind: Namespace\nmetadata: {name: theirs}\n",
}
SERVICE = f"{SPACE}/services/metrics-server"
WORKS = {"replicas": 1, "readyReplicas": 1, "updatedReplicas": 1}
BY = "?fieldManager=whisklab"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """The manifests on the server, somebody's beside them."""
    for name, text in MANIFESTS.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture
def api(serve: Callable[..., Any]) -> Objects:
    """A cluster that has all of it, as it was packed."""
    found = Objects({})
    serve(found)
    found.have(MAP, data={"Corefile": ".:53"})
    found.have(DEPLOYMENT, spec={"replicas": 1}, status=WORKS)
    found.have(ACCOUNT)
    found.have(CLASS, provisioner="rancher.io/local-path")
    found.have(SERVICE, spec={"selector": {"k8s-app": "metrics"}})
    return found


def keep(
    directory: Path, *, ignored: list[str] | None = None, within: float = 60, **how: Any
) -> fake.Done:
    do = fake.plan if how.pop("only_plan", False) else fake.carry_out
    given: dict[str, Any] = {"api": ENDPOINT, "directory": str(directory), "ignored": ignored or []}
    return do(packed.kept, within=within, **given, **how)


def changed(api: Objects, path: str, **fields: Any) -> None:
    api.things[path] = fake.merged(api.things[path], fields)


def test_what_is_as_it_was_packed_is_left_alone(api: Objects, directory: Path) -> None:
    assert keep(directory).idle
    assert api.changes == []


# By name: what somebody does, the request that undoes it, and why.
EDITS: dict[str, tuple[Callable[[Objects], object], fake.Change, str]] = {
    "data": (lambda api: changed(api, MAP, data={"Corefile": ".:54"}),
             ("PATCH", f"{MAP}{BY}", {"data": {"Corefile": ".:53"}}),
             'ConfigMap/coredns: data.Corefile is ".:54", not ".:53"'),
    "scaled": (lambda api: changed(api, DEPLOYMENT, spec={"replicas": 0}),
               ("PATCH", f"{DEPLOYMENT}{BY}", {"spec": {"replicas": 1}}),
               "Deployment/coredns: spec.replicas is 0, not 1"),
    "in a directory": (lambda api: changed(api, SERVICE, spec={"selector": {"k8s-app": "x"}}),
                       ("PATCH", f"{SERVICE}{BY}",
                        {"spec": {"selector": {"k8s-app": "metrics"}}}),
                       'Service/metrics-server: spec.selector.k8s-app is "x", not "metrics"'),
}  # fmt: skip


@pytest.mark.parametrize("name", EDITS)
def test_each_edit_is_told_and_undone_by_one_request(
    api: Objects, directory: Path, name: str
) -> None:
    does, request, why = EDITS[name]
    does(api)
    assert keep(directory, only_plan=True).why == [why]
    api.changes.clear()
    done = keep(directory)
    assert (done.failed, len(done.commands), done.errors) == (False, 1, [])
    assert [each for each in api.changes if "dryRun" not in each[1]] == [request]
    assert keep(directory).idle


@pytest.mark.parametrize("path", [MAP, ACCOUNT, CLASS, SERVICE])
def test_what_is_gone_is_made_again_as_nobodys(api: Objects, directory: Path, path: str) -> None:
    """k3s has marks of its own, which it puts there at its next start."""
    del api.things[path]
    (why,) = keep(directory, only_plan=True).why
    assert (why.endswith(" is not there"), api.changes) == (True, [])
    assert not keep(directory).failed
    ((method, at, body),) = api.changes
    assert (method, at) == ("POST", f"{path.rpartition('/')[0]}{BY}")
    assert not body["metadata"].get("labels")
    assert keep(directory).idle


@pytest.mark.parametrize("default", ["true", "false", None])
def test_which_class_is_the_default_is_said_elsewhere(
    api: Objects, directory: Path, default: str | None
) -> None:
    notes = {"storageclass.kubernetes.io/is-default-class": default}
    changed(api, CLASS, metadata={"annotations": notes})
    assert keep(directory).idle


def test_what_is_ignored_or_disabled_or_not_k3s_s_own_is_left(
    api: Objects, directory: Path
) -> None:
    changed(api, MAP, data={"Corefile": ".:54"})
    del api.things[SERVICE]
    assert not keep(directory, only_plan=True).idle
    (directory / "metrics-server/service.yaml").unlink()
    assert keep(directory, ignored=["ConfigMap/coredns data.Corefile"]).idle


@pytest.mark.parametrize("there", ["no directory", "nothing in it"])
def test_before_its_first_start_k3s_has_packed_nothing(
    api: Objects, tmp_path: Path, there: str
) -> None:
    path = tmp_path / "none"
    if there == "nothing in it":
        path.mkdir()
    assert keep(path).idle
    assert api.asked == []


def test_workloads_are_waited_for(api: Objects, directory: Path) -> None:
    changed(api, DEPLOYMENT, status={"readyReplicas": 0})
    assert keep(directory, only_plan=True).why == ["Deployment/coredns: 0 of 1 are ready"]
    api.meanwhile = fake.after(4, DEPLOYMENT, lambda: changed(api, DEPLOYMENT, status=WORKS))
    done = keep(directory)
    assert (done.failed, api.changes) == (False, [])


def test_one_that_does_not_get_ready_fails_with_its_pods(
    api: Objects, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waiting, "FIRST", 0.0)
    changed(api, DEPLOYMENT, status={"readyReplicas": 0})
    api.have(f"{SPACE}/pods/coredns-1", status={"phase": "Pending"})
    done = keep(directory, within=0)
    assert done.failed
    assert done.errors[0].startswith("after 0 s still Deployment/coredns: 0 of 1 are ready; "
                                     "pod coredns-1: ")  # fmt: skip
    assert done.errors[0].endswith(": see `kubectl -n kube-system get pods`")


def test_one_that_cannot_be_put_back_is_told(api: Objects, directory: Path) -> None:
    changed(api, MAP, data={"Corefile": ".:54"})
    api.immutable.add(MAP)
    done = keep(directory)
    assert done.failed
    assert done.errors[0].startswith("ConfigMap/coredns cannot be put back: ")


@pytest.mark.parametrize("name", SILENT)
def test_an_api_that_is_silent_is_asked_by_the_run(
    api: Objects, directory: Path, name: str
) -> None:
    given, until, _ = SILENT[name]
    changed(api, MAP, data={"Corefile": ".:54"})
    api.meanwhile = always(given)
    planned = keep(directory, only_plan=True)
    assert [(each.text, each.unknown) for each in planned.reasons] == [
        (f"unknown until {until}", True)
    ]
    done = keep(directory, between=lambda: setattr(api, "meanwhile", None))
    assert (done.failed, api.things[MAP]["data"]) == (False, {"Corefile": ".:53"})
    assert keep(directory).idle


@pytest.mark.parametrize("name", REFUSALS)
def test_a_look_that_is_refused_is_told(api: Objects, directory: Path, name: str) -> None:
    given, sentence = REFUSALS[name]
    api.meanwhile = always(given)
    done = keep(directory)
    assert (done.failed, done.errors[0], api.changes) == (True, sentence, [])


NONE = ["a: [", "\x00", "kind: ConfigMap", "kind: List\nitems: [x]", "kind: List\nitems: 7",
        "a: &a [*a]", "kind: ConfigMap\nmetadata: {name: x}",
        "kind: ConfigMap\nmetadata: x\napiVersion: v1"]  # fmt: skip


@pytest.mark.parametrize("text", NONE)
def test_a_manifest_that_is_none_is_a_sentence(api: Objects, directory: Path, text: str) -> None:
    (directory / "coredns.yaml").write_text(text)
    done = keep(directory)
    assert (done.failed, api.changes) == (True, [])
    assert done.errors[0].startswith(f"@local: {directory} holds ")


@pytest.mark.parametrize("text", ["", "\n---\n", "# nothing\n"])
def test_one_that_is_empty_wants_nothing(api: Objects, directory: Path, text: str) -> None:
    (directory / "coredns.yaml").write_text(text)
    del api.things[MAP], api.things[DEPLOYMENT]
    assert keep(directory).idle
