"""Objects compared field by field with what was wished, and the patch that puts them back."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from whisklab.engine.drift.compare import (
    KEYS,
    Drift,
    Entry,
    differences,
    enlarged,
    ignored,
    normal,
    quantity,
    same,
)
from whisklab.engine.drift.look import not_ready
from whisklab.engine.drift.patches import between, patch, patch_kind, widened
from whisklab.engine.kubernetes.kube import MERGE, STRATEGIC
from whisklab.engine.kubernetes.objects import Id, objects

COREDNS = Path(__file__).parents[4] / "standins/k3s/server/manifests/coredns.yaml"
WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, labels: {app: web}, annotations: {note: "1"}}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      tolerations: [{key: a, operator: Exists}]
      containers:
        - name: web
          image: web:1
          args: [--port, "80"]
          env: [{name: A, value: "1"}, {name: PASSWORD, value: x}]
          ports: [{containerPort: 80, name: http}]
          resources: {requests: {cpu: 0.5, memory: 1Gi}}
          volumeMounts: [{name: data, mountPath: /data}]
      volumes: [{name: data, emptyDir: {}}]
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {type: NodePort, selector: {app: web}, ports: [{port: 80, targetPort: http, nodePort: 31000}]}
---
apiVersion: v1
kind: Secret
metadata: {name: web}
type: Opaque
stringData: {token: abc}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata: {name: web}
rules: [{apiGroups: [""], resources: [pods], verbs: [get, list]}]
---
apiVersion: example.org/v1
kind: Thing
metadata: {name: web}
spec: {ports: [{port: 1}, {port: 2}]}
"""
WANTED = objects(WEB) | objects(COREDNS.read_text().replace("%{", "{").replace("}%", "}"))
LISTED = sorted(WANTED)


def live(wanted: dict[str, Any]) -> dict[str, Any]:
    """The object as the API keeps it: with defaults, and what others have added."""
    found = copy.deepcopy(wanted)
    found["metadata"] |= {"uid": "u", "resourceVersion": "7", "finalizers": ["theirs"]}
    found["metadata"].setdefault("labels", {})["theirs"] = "yes"
    found["metadata"].setdefault("annotations", {})["theirs"] = "yes"
    if "stringData" in found:
        found["data"] = {"token": "YWJj"}
        del found["stringData"]
    if found["kind"] in {"Deployment", "Service"}:
        found["spec"]["ofTheApi"] = "default"
    if found["kind"] == "Deployment":
        pod = found["spec"]["template"]["spec"]
        pod["containers"].append({"name": "sidecar", "image": "theirs:1"})
        pod["containers"][0].setdefault("env", []).append({"name": "THEIRS", "value": "yes"})
        pod["containers"][0]["terminationMessagePath"] = "/dev/termination-log"
        if "resources" in pod["containers"][0] and found["metadata"]["name"] == "web":
            pod["containers"][0]["resources"]["requests"] = {"cpu": "500m", "memory": "1Gi"}
    return found


def leaves(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths of all scalars of an object."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from leaves(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from leaves(inner, (*path, index))
    elif value is not None:
        yield path


def compared(name: Id) -> list[tuple[str | int, ...]]:
    """What must be seen: all that is set but what names an object, and keys of entries."""
    wanted = {k: v for k, v in WANTED[name].items() if k not in {"apiVersion", "kind"}}
    wanted["metadata"] = {k: v for k, v in wanted["metadata"].items() if k[0] in "la"}
    if "stringData" in wanted:
        wanted["data"] = {"token": "YWJj"}
        del wanted["stringData"]
    return list(leaves(wanted))


def at(found: Any, path: tuple[str | int, ...]) -> Any:
    """The value at a path."""
    for step in path:
        found = found[step]
    return found


def merged(live: Any, body: Any, *, keyed: bool, field: str = "") -> Any:
    """What the API makes of a patch, strategic or (not `keyed`) plain."""
    if isinstance(body, dict) and isinstance(live, dict):
        inner = {k: merged(live.get(k), v, keyed=keyed, field=k) for k, v in body.items()}
        return {k: v for k, v in {**live, **inner}.items() if body.get(k, v) is not None}
    if not (keyed and field in KEYS and isinstance(body, list) and isinstance(live, list)):
        return body
    entries = [each for each in body if each.get("$patch") != "replace"]
    key = next((k for k in KEYS[field] if all(k in each for each in entries)), "")
    if len(entries) != len(body):
        return entries
    result = list(live)
    for each in entries:
        places = [i for i, x in enumerate(result) if x.get(key) == each[key]]
        if each.get("$patch") == "delete":
            result = [x for x in result if x.get(key) != each[key]]
        elif places:
            result[places[0]] = merged(result[places[0]], each, keyed=True)
        else:
            result.append(each)
    return result


@pytest.mark.parametrize("name", LISTED, ids=map(str, LISTED))
def test_what_is_added_beside_it_is_no_drift(name: Id) -> None:
    assert differences(WANTED[name], live(WANTED[name])) == []


@pytest.mark.parametrize("name", LISTED, ids=map(str, LISTED))
def test_each_field_that_is_set_is_seen_and_put_back(name: Id) -> None:
    """Changed and removed, one at a time; the patch leaves what others have added."""
    wanted = WANTED[name]
    for path in compared(name):
        for change in ("changed", "removed"):
            found = live(wanted)
            holder = at(found, path[:-1])
            if change == "changed":
                before = holder[path[-1]]
                holder[path[-1]] = not before if isinstance(before, bool) else 77
            else:
                del holder[path[-1]]
            seen = differences(wanted, found)
            assert seen, (path, change)
            after = merged(found, patch(wanted, seen), keyed=patch_kind(wanted) == STRATEGIC)
            assert differences(wanted, after) == [], (path, change)
            assert after["metadata"]["labels"]["theirs"] == "yes"
            if found["kind"] == "Deployment" and "containers" not in map(str, path):
                assert after["spec"]["template"]["spec"]["containers"][-1]["name"] == "sidecar"


@pytest.mark.parametrize("name", LISTED, ids=map(str, LISTED))
def test_one_manifest_is_made_into_another(name: Id) -> None:
    """Each field removed, added, and replaced by one of another name, as a kind of volume is."""
    full = normal(WANTED[name]) | {key: WANTED[name][key] for key in ("apiVersion", "kind")}
    for path in compared(name):
        if isinstance(path[-1], int):
            continue
        lacking, renamed = copy.deepcopy(full), copy.deepcopy(full)
        del at(lacking, path[:-1])[path[-1]]
        holder = at(renamed, path[:-1])
        holder[f"{path[-1]}Else"] = holder.pop(path[-1])
        for before, after in ((full, lacking), (lacking, full), (full, renamed), (renamed, full)):
            body = patch(after, between(before, after))
            found = merged(before, body, keyed=patch_kind(after) == STRATEGIC)
            assert between(found, after) == [], (path, body)


def test_another_kind_of_volume_takes_the_place_of_the_first() -> None:
    def pod(**volume: Any) -> Any:
        volumes = [{"name": "root", **volume}]
        return {"kind": "Pod", "apiVersion": "v1", "spec": {"volumes": volumes}}

    nfs, claim = pod(nfs={"path": "/x"}), pod(persistentVolumeClaim={"claimName": "x"})
    assert patch(claim, between(nfs, claim)) == {
        "spec": {"volumes": [
            {"name": "root", "persistentVolumeClaim": {"claimName": "x"}, "nfs": None}
        ]}
    }  # fmt: skip
    assert patch(nfs, widened(nfs, differences(nfs, claim))) == {
        "spec": {"volumes": [{"name": "root", "nfs": {"path": "/x"}}, {"$patch": "replace"}]}
    }


def test_how_it_is_told() -> None:
    name, wanted = Id("Deployment", "", "web"), WANTED[Id("Deployment", "", "web")]
    found = live(wanted)
    found["spec"]["replicas"] = 0
    container = found["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "A", "value": "2"}]
    told = Drift(name, tuple(differences(wanted, found)), wanted).told
    assert "Deployment/web: spec.replicas is 0, not 2" in told
    assert 'spec.template.spec.containers[web].env[A].value is "2", not "1"' in told
    assert "containers[web].env[PASSWORD] differs" in told
    secret = Id("Secret", "", "web")
    other = live(WANTED[secret]) | {"data": {"token": "eHg="}}
    told = Drift(secret, tuple(differences(WANTED[secret], other)), WANTED[secret]).told
    assert told == "Secret/web: data.token differs"
    assert Drift(secret, (), WANTED[secret]).told == "Secret/web is not there"


def test_a_claim_may_have_been_enlarged() -> None:
    claim = yaml.safe_load(
        "{apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: c},"
        " spec: {resources: {requests: {storage: 1Gi}}}}"
    )
    larger, smaller = copy.deepcopy(claim), copy.deepcopy(claim)
    larger["spec"]["resources"]["requests"]["storage"] = "2Gi"
    smaller["spec"]["resources"]["requests"]["storage"] = "500Mi"
    assert [enlarged(claim, each) for each in differences(claim, larger)] == [True]
    assert [enlarged(claim, each) for each in differences(claim, smaller)] == [False]


def test_scaled_to_nothing_is_drift_where_the_number_is_left_open() -> None:
    wanted = WANTED[Id("Deployment", "kube-system", "coredns")]
    assert "replicas" not in wanted["spec"]
    for replicas, expected in ((0, 1), (1, 0), (3, 0)):
        found = live(wanted)
        found["spec"]["replicas"] = replicas
        assert len(differences(wanted, found)) == expected


def test_what_is_ignored() -> None:
    name, wanted = Id("Deployment", "", "web"), WANTED[Id("Deployment", "", "web")]
    found = live(wanted)
    found["spec"]["replicas"] = 0
    seen = differences(wanted, found)
    assert ignored(name, seen, ["Deployment/other", "Service/web"]) == seen
    for pattern in ("Deployment/web", "Deployment/*", "Deployment/web spec.replicas", "*/* spec.*"):
        assert ignored(name, seen, [pattern]) == []


def test_what_is_ignored_is_so_where_all_around_it_is_unset() -> None:
    """As an object has no annotations at all once its only one was removed."""
    name = Id("StorageClass", "", "fast")
    wanted = {
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": {"annotations": {"default": "true", "ours": "1", "none": ""}},
    }  # fmt: skip
    seen = differences(wanted, {"metadata": {}})
    assert [each.name for each in seen] == ["metadata.annotations"]
    assert ignored(name, seen, ["StorageClass/fast metadata.annotations.other"]) == seen
    (left,) = ignored(name, seen, ["StorageClass/* metadata.annotations.default"])
    assert (left.name, left.is_, left.wanted) == ("metadata.annotations.ours", None, "1")
    assert patch(wanted, [left]) == {"metadata": {"annotations": {"ours": "1"}}}
    both = [f"StorageClass/fast metadata.annotations.{each}" for each in ("default", "ours")]
    assert ignored(name, seen, both) == []


def test_lists_of_other_kinds_are_whole() -> None:
    thing = WANTED[Id("Thing", "", "web")]
    assert patch_kind(thing) == MERGE
    found = live(thing)
    found["spec"]["ports"].append({"port": 3})
    seen = differences(thing, found)
    assert patch(thing, seen) == {"spec": {"ports": [{"port": 1}, {"port": 2}]}}


@pytest.mark.parametrize(
    ("first", "second"),
    [("0.5", "500m"), (1, "1"), ("1Gi", "1024Mi"), ("1e3", "1k"), (2, "2000m"), ("1G", "1000M")],
)
def test_quantities(first: object, second: object) -> None:
    assert quantity(first) == quantity(second)
    assert same(first, second, ("resources", "limits", "cpu"))
    assert not same(first, f"{second}1", ("resources", "limits", "cpu"))
    assert quantity("a lot") is None


def test_workloads_that_are_not_ready() -> None:
    web: dict[str, Any] = {
        "kind": "Deployment", "metadata": {"name": "web", "generation": 2},
        "spec": {"replicas": 2}, "status": {"observedGeneration": 2, "readyReplicas": 1},
    }  # fmt: skip
    assert not_ready([web]) == ["Deployment/web: 1 of 2 are ready"]
    web["status"] = {"observedGeneration": 1, "readyReplicas": 2}
    assert not_ready([web]) == ["Deployment/web: it has just been changed"]
    web["status"] = {"observedGeneration": 2, "readyReplicas": 2}
    each = {"kind": "DaemonSet", "metadata": {"name": "each"}, "spec": {},
            "status": {"desiredNumberScheduled": 3, "numberReady": 2}}  # fmt: skip
    assert not_ready([web, each]) == ["DaemonSet/each: 2 of 3 are ready"]
    assert str(Entry("name", "x")) == "[x]"


def renamable(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Paths of all keys of entries that may not be there twice."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from renamable(inner, (*path, name))
    elif isinstance(value, list):
        keys = KEYS.get(str(path[-1]), ()) if path[-1] in {"containers", "ports"} else ()
        for index, inner in enumerate(value):
            twice = [
                key for key in keys if len({x.get(key) for x in value}) < len(value)
            ]  # TCP, UDP
            known = [key for key in keys if key in inner and len(inner) > 1 and key not in twice]
            yield from ((*path, index, key) for key in known)
            yield from renamable(inner, (*path, index))


@pytest.mark.parametrize("name", LISTED, ids=map(str, LISTED))
def test_an_entry_with_another_key_goes_when_the_wished_one_comes_back(name: Id) -> None:
    """Beside it, it would run twice, or have its port; what others have added stays."""
    wanted = WANTED[name]
    if "ingress" in wanted.get("spec", {}) or patch_kind(wanted) != STRATEGIC:
        return
    for path in renamable(wanted):
        found, whole = live(wanted), live(wanted)
        at(found, path[:-1])[path[-1]] = 4711 if isinstance(at(found, path), int) else "another"
        seen = differences(wanted, found)
        assert f"[{at(found, path)}] is in its place" in Drift(name, tuple(seen), wanted).told
        after = merged(found, patch(wanted, seen), keyed=True)
        assert differences(wanted, after) == []
        entries, expected = at(after, path[:-2]), at(whole, path[:-2])
        assert sorted(map(str, (each[path[-1]] for each in entries))) == sorted(
            map(str, (each[path[-1]] for each in expected))
        ), path


def test_what_others_have_added_stays_when_ours_was_removed() -> None:
    web = WANTED[Id("Deployment", "", "web")]
    found = live(web)
    env = found["spec"]["template"]["spec"]["containers"][0]["env"]
    env[0]["name"] = "ALIKE"  # with the value that ours had
    seen = differences(web, found)
    after = merged(found, patch(web, seen), keyed=True)
    names = [each["name"] for each in after["spec"]["template"]["spec"]["containers"][0]["env"]]
    assert sorted(names) == ["A", "ALIKE", "PASSWORD", "THEIRS"]


def test_an_entry_that_was_given_another_key_takes_its_list_with_it() -> None:
    web = WANTED[Id("Deployment", "", "web")]
    found = live(web)
    container = found["spec"]["template"]["spec"]["containers"][0]
    container["ports"][0]["containerPort"] = 81
    container["env"][0]["value"] = "2"
    found["spec"]["replicas"] = 5
    seen = widened(web, differences(web, found))
    assert [each.name for each in seen] == [
        "spec.replicas",
        "spec.template.spec.containers[web].env[A].value",
        "spec.template.spec.containers[web].ports",
    ]
    body = patch(web, seen)["spec"]["template"]["spec"]["containers"]
    assert body == [
        {
            "name": "web",
            "env": [{"name": "A", "value": "1"}],
            "ports": [{"containerPort": 80, "name": "http"}, {"$patch": "replace"}],
        }
    ]
    after = merged(found, patch(web, seen), keyed=True)
    assert after["spec"]["template"]["spec"]["containers"][0]["ports"] == [
        {"containerPort": 80, "name": "http"}
    ]
    assert differences(web, after) == []
