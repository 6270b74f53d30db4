"""Looking for drift and putting it back, against a small API of our own."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import yaml

from whisklab.engine import drift
from whisklab.engine.drift import Wanted
from whisklab.engine.kubernetes import kube
from whisklab.engine.kubernetes.client import Client
from whisklab.engine.kubernetes.objects import Id, Object, objects
from whisklab.errors import WhisklabError

MANIFEST = """
{apiVersion: v1, kind: Service, metadata: {name: web}, spec: {type: NodePort, ports: [{port: 80}]}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: one}, data: {a: "1"}}
---
{apiVersion: v1, kind: ConfigMap, metadata: {name: two}, data: {a: "1"}}
---
{apiVersion: batch/v1, kind: Job, metadata: {name: work}, spec: {parallelism: 1}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: web}, spec: {replicas: 1, paused: false}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: web}
rules: [{verbs: [get]}]
---
{apiVersion: example.org/v1, kind: Thing, metadata: {name: mine}, spec: {size: 1}}
"""
WANTED = objects(MANIFEST)
MARKS = {"labels": {"by": "Helm"}, "annotations": {"of": "r"}}
THING = {"name": "things", "kind": "Thing", "namespaced": True}
THINGS = {"resources": [THING, THING | {"name": "things/status"}]}


class Api(Client):
    """Objects by their paths; what is asked is written down."""

    def __init__(self) -> None:
        server: Any = None  # nobody asks there
        super().__init__(server, kube.Endpoint("", 0))
        self.objects: dict[str, Object] = {}
        self.refused: set[str] = set()
        self.clashing: set[str] = set()  # where only a whole list is taken
        self.broken = False
        self.asked: list[tuple[str, str]] = []
        self.served = {self.path(name).rpartition("/")[0] for name in WANTED}
        for name, each in WANTED.items():
            live = copy.deepcopy(each)
            live["metadata"] |= {"uid": "u", "resourceVersion": "1"}
            self.objects[self.path(name)] = live

    def path(self, name: Id) -> str:
        """Where an object is."""
        version = WANTED[name]["apiVersion"]
        base = f"/{'apis' if '/' in version else 'api'}/{version}"
        space = "" if name.kind == "ClusterRole" else "/namespaces/r"
        return f"{base}{space}/{name.kind.lower()}s/{name.name}"

    def _there(self, path: str) -> Any:
        """An object, a list, or the resources of a group."""
        if path == "/apis/example.org/v1":
            return THINGS
        path = path.partition("?")[0]
        if path in self.objects:
            return copy.deepcopy(self.objects[path])
        found = [each for at, each in self.objects.items() if at.rpartition("/")[0] == path]
        if not found and path not in self.served:
            raise kube.Refused(404, "not found")
        return {"items": copy.deepcopy(found)}

    def ask(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        """What is there, a change, or its dry run."""
        self.asked.append((method, path))
        if method == "GET":
            return self._there(path)
        at, _, query = path.partition("?")
        if method == "DELETE":
            del self.objects[at]
            return None
        if method == "POST":
            at = f"{at}/{body['metadata']['name']}"
            if at in self.objects:
                raise kube.Refused(409, "it exists")
            self.objects[at] = copy.deepcopy(body)
            return body
        if at in self.refused:
            raise kube.Refused(422, "field is immutable")
        whole = {"$patch": "replace"} in body.get("spec", {}).get("ports", [])
        if self.broken or (at in self.clashing and not whole):
            raise kube.Faulted("duplicate nodePort")
        kind = "merge" if "/example.org/" in at else "strategic-merge"
        assert how["content_type"] == f"application/{kind}-patch+json"
        after = _merged(self.objects[at], body)
        if "paused" in after.get("spec", {}) and not after["spec"]["paused"]:
            del after["spec"]["paused"]  # what the API leaves out
        if "dryRun" not in query:
            self.objects[at] = after
        return after


def _merged(live: Any, body: Any) -> Any:
    if isinstance(live, dict) and isinstance(body, dict):
        return {**live, **{key: _merged(live.get(key), value) for key, value in body.items()}}
    if isinstance(body, list):
        return [each for each in copy.deepcopy(body) if each != {"$patch": "replace"}]
    return copy.deepcopy(body)


@pytest.fixture
def api() -> Api:
    """All objects as they are wished."""
    return Api()


def look(api: Api, *ignored: str) -> dict[str, str]:
    """What differs: object to half a sentence."""
    found = drift.look(api, Wanted(WANTED, "r", ignored))
    return {str(each.name): each.told for each in found.drift}


def mend(api: Api, **how: Any) -> None:
    """Put back what differs."""
    found = drift.look(api, Wanted(WANTED, "r")).drift
    drift.mend(api, found, "r", marked=MARKS, **how)


def test_what_is_as_wished_costs_one_request_for_each_kind(api: Api) -> None:
    assert look(api) == {}
    assert [method for method, _ in api.asked] == ["GET"] * 7  # and one for the unknown kind
    assert len([path for _, path in api.asked if "configmaps" in path]) == 1


def test_a_default_that_the_api_leaves_out_is_no_drift(api: Api) -> None:
    at = api.path(Id("Deployment", "", "web"))
    del api.objects[at]["spec"]["paused"]
    assert look(api) == {}
    assert ("PATCH", f"{at}?dryRun=All&fieldManager=whisklab") in api.asked


@pytest.mark.parametrize("name", sorted(WANTED), ids=str)
def test_each_that_is_deleted_is_named_and_made_again_with_its_marks(api: Api, name: Id) -> None:
    del api.objects[api.path(name)]
    assert look(api) == {str(name): f"{name} is not there"}
    mend(api)
    made = api.objects[api.path(name)]
    assert made["metadata"] == {**WANTED[name]["metadata"], **MARKS}
    assert look(api) == {}


def test_only_the_field_is_sent_and_what_others_added_stays(api: Api) -> None:
    at = api.path(Id("ConfigMap", "", "one"))
    api.objects[at]["data"] = {"a": "2", "theirs": "x"}
    assert look(api) == {"ConfigMap/one": 'ConfigMap/one: data.a is "2", not "1"'}
    mend(api)
    assert api.objects[at]["data"] == {"a": "1", "theirs": "x"}
    assert [method for method, path in api.asked if method != "GET" and "two" in path] == []


def test_what_cannot_be_changed_is_made_anew_or_told(api: Api) -> None:
    work, web = Id("Job", "", "work"), Id("Service", "", "web")
    for name in (work, web):
        api.refused.add(api.path(name))
    api.objects[api.path(work)]["spec"]["parallelism"] = 2
    assert look(api) == {"Job/work": "Job/work: spec.parallelism is 2, not 1"}
    mend(api, fixed=["Job"], remove=lambda name: api.objects.pop(api.path(name)) and None)
    assert look(api) == {}
    api.objects[api.path(web)]["spec"]["type"] = "ClusterIP"
    with pytest.raises(WhisklabError, match="Service/web cannot be put back: field is immutable"):
        mend(api, fixed=["Job"], remove=lambda _: None)


def test_order_and_those_who_are_faster(api: Api) -> None:
    names = [Id("Deployment", "", "web"), Id("ConfigMap", "", "one"), Id("Service", "", "web")]
    found = []
    for name in names:
        kept = api.objects.pop(api.path(name))
        found = list(drift.look(api, Wanted(WANTED, "r")).drift)
        if name.kind == "Service":
            api.objects[api.path(name)] = kept  # somebody has made it meanwhile
    drift.mend(api, found, "r", marked=MARKS)
    made = [path.rpartition("/")[2].partition("?")[0] for m, path in api.asked if m == "POST"]
    assert made == ["configmaps", "services", "deployments"]


def test_a_job_may_be_gone_by_its_own_time_to_live(api: Api) -> None:
    text = yaml.safe_dump(WANTED[Id("Job", "", "work")] | {"spec": {"ttlSecondsAfterFinished": 9}})
    del api.objects[api.path(Id("Job", "", "work"))]
    assert drift.look(api, Wanted(objects(text), "r")).drift == ()


def test_replicas_belong_to_an_autoscaler(api: Api) -> None:
    at = api.path(Id("Deployment", "", "web"))
    api.objects[at]["spec"]["replicas"] = 3
    assert look(api) == {"Deployment/web": "Deployment/web: spec.replicas is 3, not 1"}
    assert look(api, "Deployment/web spec.replicas") == {}
    scaler = {"metadata": {"name": "s"},
              "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "web"}}}  # fmt: skip
    api.objects["/apis/autoscaling/v2/namespaces/r/horizontalpodautoscalers/s"] = scaler
    assert look(api) == {}


def test_a_kind_that_the_cluster_does_not_have(api: Api) -> None:
    text = "{apiVersion: other.org/v1, kind: Foo, metadata: {name: x}}"
    with pytest.raises(WhisklabError, match="the cluster has no kind Foo of other.org/v1"):
        drift.look(api, Wanted(objects(text), "r"))


def test_a_version_that_the_api_does_not_have_any_more_is_left(api: Api) -> None:
    text = "{apiVersion: policy/v1beta1, kind: PodDisruptionBudget, metadata: {name: x}}"
    assert drift.look(api, Wanted(objects(text), "r")).drift == ()


def test_a_list_is_put_back_whole_where_the_api_fails_on_an_entry(api: Api) -> None:
    """A port that was given another number has the nodePort of the one that is to come back."""
    service = api.path(Id("Service", "", "web"))
    api.objects[service]["spec"]["ports"] = [{"port": 81}]
    api.clashing.add(service)
    assert list(look(api)) == ["Service/web"]
    mend(api)
    assert api.objects[service]["spec"]["ports"] == [{"port": 80}]
    assert look(api) == {}


def test_an_api_that_fails_is_told_in_its_own_words(api: Api) -> None:
    api.objects[api.path(Id("ConfigMap", "", "one"))]["data"] = {"a": "2"}
    found = drift.look(api, Wanted(WANTED, "r")).drift
    api.broken = True
    with pytest.raises(kube.Unreachable, match="duplicate nodePort") as raised:
        look(api)
    assert raised.value.until == "the API answers otherwise (duplicate nodePort)"
    with pytest.raises(WhisklabError, match="ConfigMap/one cannot be put back: duplicate"):
        drift.mend(api, found, "r", marked=MARKS)


def test_what_the_api_leaves_out_is_not_told_beside_what_differs(api: Api) -> None:
    web = api.objects[api.path(Id("Deployment", "", "web"))]
    web["spec"] = {"replicas": 3}
    assert look(api) == {"Deployment/web": "Deployment/web: spec.replicas is 3, not 1"}
    mend(api)
    assert look(api) == {}


OLD, NEW = "2026-11-29T01:00:00Z", "2026-11-29T02:00:00Z"
ACCOUNTS = objects("""
{apiVersion: v1, kind: ServiceAccount, metadata: {name: bound}}
---
{apiVersion: v1, kind: ServiceAccount, metadata: {name: idle}}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: bound}
subjects: [{kind: ServiceAccount, name: bound}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: one}
spec: {template: {spec: {serviceAccountName: bound}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: two}
spec: {template: {spec: {serviceAccountName: idle}}}
""")


def pod(name: str, account: str, made: str = OLD, **changed: Any) -> Object:
    token: Object = {"projected": {"sources": [{"serviceAccountToken": {}}]}}
    spec = {"serviceAccountName": account, "volumes": [token]}
    metadata = {"name": name, "namespace": "r", "creationTimestamp": made,
                "ownerReferences": [{"controller": True}]}  # fmt: skip
    return {"metadata": {**metadata, **changed}, "spec": spec}


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Api:
    """Workloads with accounts, and pods of these."""
    monkeypatch.setattr(f"{__name__}.WANTED", ACCOUNTS)
    api = Api()
    for each in api.objects.values():
        each["metadata"]["creationTimestamp"] = OLD
    for name in ("bound", "idle"):
        api.objects[f"/api/v1/namespaces/r/pods/{name}"] = pod(name, name)
    api.asked.clear()
    return api


def made_anew(api: Api, account: str) -> None:
    at = api.path(Id("ServiceAccount", "", account))
    api.objects[at]["metadata"]["creationTimestamp"] = NEW


def test_pods_are_asked_for_only_where_an_account_is_younger_than_what_runs_as_it(
    running: Api,
) -> None:
    assert look(running) == {}
    made_anew(running, "idle")  # may do nothing, so nobody uses its token
    assert look(running) == {}
    assert [path for _, path in running.asked if path.endswith("/pods")] == []
    made_anew(running, "bound")
    assert look(running) == {
        "Pod/bound": "Pod/bound: its token is of a ServiceAccount bound that is gone"
    }


def test_a_pod_with_a_void_token_is_made_anew_and_no_other(running: Api) -> None:
    pods = "/api/v1/namespaces/r/pods"
    others = {
        "young": pod("young", "bound", NEW),
        "ending": pod("ending", "bound", deletionTimestamp=NEW),
        "bare": pod("bare", "bound", ownerReferences=[]),
        "another": pod("another", "idle"),
        "without": {**pod("without", "bound"), "spec": {"serviceAccountName": "bound"}},
    }
    running.objects |= {f"{pods}/{name}": each for name, each in others.items()}
    made_anew(running, "bound")
    drift.put_back(running, Wanted(ACCOUNTS, "r"), marked=MARKS)
    deleted = [path for method, path in running.asked if method == "DELETE"]
    assert deleted == [f"{pods}/bound"]
    assert look(running) == {}


def test_an_account_that_is_made_again_by_a_run_has_its_pods_made_anew_in_it(
    running: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    del running.objects[running.path(Id("ServiceAccount", "", "bound"))]
    ask = running.ask

    def dated(method: str, path: str, body: Any = None, **how: Any) -> Any:
        found = ask(method, path, body, **how)
        if method == "POST":
            made_anew(running, "bound")
        return found

    monkeypatch.setattr(running, "ask", dated)
    drift.put_back(running, Wanted(ACCOUNTS, "r"), marked=MARKS)
    assert "/api/v1/namespaces/r/pods/bound" not in running.objects
    assert look(running) == {}
