"""The stand-in's chart with the values that we give the real one: names, order and refusals."""

from __future__ import annotations

import base64
import json
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploys.openwhisk import render, stages
from deploys.openwhisk.keys import Keys
from deploys.openwhisk.render import Given, Place
from deploys.openwhisk.settings import OpenWhiskSettings
from tests.contract.rendering import refused, rendered, template
from whisklab.engine.artifacts.catalogue import Catalogue
from whisklab.engine.artifacts.entries import ANY
from whisklab.engine.artifacts.fetching import fetch
from whisklab.engine.helm.values import merged
from whisklab.engine.tls.authority import Pair
from whisklab.lab.standins.cache import SOURCES, architecture
from whisklab.lab.standins.openwhisk import full_name

CHART = SOURCES / "openwhisk" / "chart"
KEYS = Keys(guest="G:g", system="S:s", db_password="P")  # noqa: S106
PAIR = Pair("C", "K")
LAB = Place("10.77.0.11", "nfs-client")
ALONE = Place("10.77.0.11", "nfs-client", single_node=True)
OFFLINE = Place("10.77.0.11", "nfs-client", sources="http://10.77.0.14:8003/openwhisk")
LOAD: dict[str, Any] = {"invocations_per_minute": 100000, "invocations_concurrent": 100000}
NO_PROVIDERS = {"alarms": False, "kafka_provider": False}
# As facts/openwhisk.md and the public chart have them.
WORKLOADS = {
    "StatefulSet/owdev-zookeeper", "StatefulSet/owdev-kafka", "StatefulSet/owdev-controller",
    "StatefulSet/owdev-invoker", "Deployment/owdev-couchdb", "Deployment/owdev-nginx",
    "Deployment/owdev-apigateway", "Deployment/owdev-redis", "Deployment/owdev-alarmprovider",
    "Deployment/owdev-kafkaprovider", "Job/owdev-init-couchdb", "Job/owdev-install-packages",
    "Pod/owdev-wskadmin", "Pod/owdev-tests-smoketest",
    "Pod/owdev-tests-package-checker",
}  # fmt: skip
WAITS = {
    "StatefulSet/owdev-kafka": ["zookeeper"],
    "StatefulSet/owdev-controller": ["kafka", "couchdb"],
    "StatefulSet/owdev-invoker": ["controller"],
    "Deployment/owdev-nginx": ["controller"],
    "Deployment/owdev-alarmprovider": ["controller"],
    "Deployment/owdev-kafkaprovider": ["controller"],
    "Job/owdev-install-packages": ["healthy-invoker"],
}
CLAIMS = {
    "couchdb-pvc": "2Gi", "alarmprovider-pvc": "1Gi", "kafka-pvc": "512Mi", "redis-pvc": "256Mi",
    "zookeeper-pvc-data": "256Mi", "zookeeper-pvc-datalog": "256Mi",
}  # fmt: skip
Objects = dict[str, dict[str, Any]]
SETTINGS = [
    pytest.param(LAB, {}, id="default lab"),
    pytest.param(ALONE, {}, id="single node"),
    pytest.param(OFFLINE, {"offline": True}, id="off-line"),
    pytest.param(LAB, LOAD, id="load test"),
    pytest.param(LAB, NO_PROVIDERS, id="no providers"),
    pytest.param(LAB, {"scheduler": True, "metrics": True}, id="scheduler and metrics"),
]


def values(place: Place = LAB, **given: Any) -> dict[str, Any]:
    return render.values(OpenWhiskSettings.model_validate(given), KEYS, place)


def pods(objects: Objects) -> Iterator[tuple[str, dict[str, Any]]]:
    """The pods' specifications by the name of what makes them."""
    for name, found in objects.items():
        if name.startswith("Pod/"):
            yield name, found["spec"]
        elif "template" in found.get("spec", {}):
            yield name, found["spec"]["template"]["spec"]


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", []), *pod["containers"]]


@pytest.mark.parametrize(("place", "given"), SETTINGS)
def test_each_setting_renders_and_each_image_is_in_the_bundle(
    helm: str, tmp_path: Path, openwhisk_catalogue: Path, place: Place, given: dict[str, Any]
) -> None:
    found = rendered(helm, tmp_path, CHART, values(place, **given), "owdev")
    catalogue = Catalogue(openwhisk_catalogue)
    bundle = fetch(catalogue.artifact("openwhisk", None, "images", architecture()))
    with tarfile.open(bundle) as archive:
        index = archive.extractfile(next(each for each in archive if each.name == "index.json"))
        assert index is not None
        listed = [entry["annotations"] for entry in json.load(index)["manifests"]]
    names = {annotations["io.containerd.image.name"] for annotations in listed}
    used = {full_name(each["image"]) for _, pod in pods(found) for each in containers(pod)}
    assert used <= names
    runtimes = {"docker.io/openwhisk/action-nodejs-v14:1.20.0",
                "docker.io/openwhisk/action-python-v3.7:1.17.0"}  # fmt: skip
    assert runtimes <= names


@pytest.mark.parametrize(("place", "given"), SETTINGS)
def test_each_stage_is_an_object_of_the_chart_and_its_pods_label(
    helm: str, tmp_path: Path, place: Place, given: dict[str, Any]
) -> None:
    found = template(helm, tmp_path, CHART, values(place, **given), "owdev")
    wanted = stages.stages(OpenWhiskSettings.model_validate(given))
    named = {f"{each.kind}/owdev-{each.name}" for each in wanted if each.kind != stages.CLAIM}
    kinds = (stages.STATEFUL, stages.DEPLOYMENT, stages.JOB)
    assert named == {name for name in found if name.startswith(kinds)}
    for name in named:
        labels = found[name]["spec"]["template"]["metadata"]["labels"]
        assert labels["name"] == name.partition("/")[2]


def test_nginx_has_the_certificate_by_a_secret_and_nothing_else_has_the_key(
    helm: str, tmp_path: Path, openwhisk_catalogue: Path
) -> None:
    def made(name: str, pair: Pair) -> Objects:
        chart = tmp_path / name
        overlay = render.overlay(OpenWhiskSettings(), LAB, Given(pair))
        for path, data in overlay.applied(packed(openwhisk_catalogue)).items():
            (chart / path).parent.mkdir(parents=True, exist_ok=True)
            (chart / path).write_bytes(data)
        return template(helm, tmp_path, chart, values(), "owdev")

    names = []
    for name, pair in (("one", Pair("C", "a key")), ("two", Pair("D", "another key"))):
        found = made(name, pair)
        (secret,) = (each for each in found if each.startswith("Secret/owdev-certificate-"))
        data = {key: base64.b64decode(text) for key, text in found[secret]["data"].items()}
        expected = (pair.certificate.encode(), pair.key.encode(), b"")
        assert tuple(data[key] for key in ("tls.crt", "tls.key", "sslPassword")) == expected
        volumes = dict(pods(found))["Deployment/owdev-nginx"]["volumes"]
        (volume,) = (each for each in volumes if each["name"] == "nginx-certs")
        assert volume == {
            "name": "nginx-certs", "secret": {"secretName": secret.removeprefix("Secret/")},
        }  # fmt: skip
        assert pair.key not in json.dumps(found)
        names.append(secret)
    assert names[0] != names[1]  # so that another certificate starts nginx anew


def test_no_pod_of_a_lab_must_pull(helm: str, tmp_path: Path) -> None:
    found = template(helm, tmp_path, CHART, values(), "owdev")
    for name, pod in pods(found):
        for each in containers(pod):
            pinned = not each["image"].endswith(":latest")  # whose policy would be Always
            assert each.get("imagePullPolicy") == "IfNotPresent" or pinned, (name, each["name"])


def test_objects_order_and_claims_are_those_of_the_public_chart(helm: str, tmp_path: Path) -> None:
    found = template(helm, tmp_path, CHART, values(), "owdev")
    assert {name for name, _ in pods(found)} == WORKLOADS
    for name, pod in pods(found):
        waits = [each["name"] for each in pod.get("initContainers", [])]
        waits = [each.removeprefix("wait-for-") for each in waits if each.startswith("wait-for-")]
        assert waits == WAITS.get(name, []), name
    claims = {
        name.removeprefix("PersistentVolumeClaim/owdev-"): claim["spec"]
        for name, claim in found.items()
        if name.startswith("PersistentVolumeClaim/")
    }
    assert {n: c["resources"]["requests"]["storage"] for n, c in claims.items()} == CLAIMS
    assert {claim["storageClassName"] for claim in claims.values()} == {"nfs-client"}
    https = found["Service/owdev-nginx"]["spec"]["ports"][1]
    assert https == {"name": "https", "port": 443, "targetPort": "https", "nodePort": 31001}
    assert not [name for name in found if name.startswith("PodDisruptionBudget/")]


def test_components_go_where_the_labels_say(helm: str, tmp_path: Path) -> None:
    found = dict(pods(template(helm, tmp_path, CHART, values(), "owdev")))
    invoker = found["StatefulSet/owdev-invoker"]["affinity"]["nodeAffinity"]
    (term,) = invoker["requiredDuringSchedulingIgnoredDuringExecution"]["nodeSelectorTerms"]
    assert term["matchExpressions"] == [
        {"key": "openwhisk-role", "operator": "In", "values": ["invoker"]}
    ]
    couchdb = found["Deployment/owdev-couchdb"]["affinity"]["nodeAffinity"]
    assert list(couchdb) == ["preferredDuringSchedulingIgnoredDuringExecution"]
    alone = dict(pods(template(helm, tmp_path, CHART, values(ALONE), "owdev")))
    for pod in alone.values():
        assert not {"affinity", "tolerations"} & set(pod)
    env = {
        e["name"]: e.get("value")
        for e in alone["StatefulSet/owdev-invoker"]["containers"][0]["env"]
    }
    assert "user-pod-node-affinity.enabled=false" in str(env["INVOKER_OPTS"])


def test_a_changed_limit_restarts_what_reads_it_and_nothing_else(helm: str, tmp_path: Path) -> None:
    before = dict(pods(template(helm, tmp_path, CHART, values(), "owdev")))
    after = dict(pods(template(helm, tmp_path, CHART, values(**LOAD), "owdev")))
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"StatefulSet/owdev-controller", "StatefulSet/owdev-invoker"}
    for name in changed:
        env = {e["name"]: e.get("value") for e in after[name]["containers"][0]["env"]}
        assert env["LIMITS_ACTIONS_INVOKES_PERMINUTE"] == "100000"


def test_a_new_password_restarts_all_that_use_it(
    helm: str, tmp_path: Path, openwhisk_catalogue: Path
) -> None:
    chart = tmp_path / "chart"
    for name, data in edited(openwhisk_catalogue, LAB, {}).items():
        path = chart / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    before = dict(pods(rendered(helm, tmp_path, chart, values(), "owdev")))
    wish = merged(values(), {"db": {"auth": {"password": "another"}}})
    after = dict(pods(template(helm, tmp_path, chart, wish, "owdev")))
    assert {name for name in before if before[name] != after[name]} == {
        "Deployment/owdev-alarmprovider", "Deployment/owdev-couchdb",
        "Deployment/owdev-kafkaprovider", "StatefulSet/owdev-controller",
        "StatefulSet/owdev-invoker",
    }  # fmt: skip
    assert "another" not in str(after)


@pytest.mark.parametrize("account", [True, False])
def test_nodes_pull_with_their_own_account_unless_the_chart_is_given_one(
    helm: str, tmp_path: Path, openwhisk_catalogue: Path, account: bool
) -> None:
    """An empty pull secret would keep containerd from the account of registries.yaml."""
    given = {"image_prefix": "10.0.0.14:5000/"}
    for name, data in edited(openwhisk_catalogue, LAB, given).items():
        path = tmp_path / "chart" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    theirs = {"docker": {"registry": {"username": "me", "password": "x"}}} if account else {}
    wish = merged(values(LAB, **given), theirs)
    found = dict(pods(rendered(helm, tmp_path, tmp_path / "chart", wish, "owdev")))
    assert found.keys() >= WORKLOADS
    expected = [{"name": "owdev-private-registry.auth"}] if account else None
    for name, pod in found.items():
        assert pod.get("imagePullSecrets") == expected, name
        assert all(each["image"].startswith("10.0.0.14:5000/") for each in containers(pod)), name


def test_budgets_have_the_version_that_kubernetes_removed(helm: str, tmp_path: Path) -> None:
    wish = {"pdb": {"enable": True}, "controller": {"replicaCount": 2}}
    found = template(helm, tmp_path, CHART, merged(values(), wish), "owdev")
    budgets = {n: o for n, o in found.items() if n.startswith("PodDisruptionBudget/")}
    assert list(budgets) == ["PodDisruptionBudget/owdev-controller-pdb"]
    assert {each["apiVersion"] for each in budgets.values()} == {"policy/v1beta1"}


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"whisk": {"limits": {"actionsInvokesPerminute": "many"}}}, "actionsInvokesPerminute"),
        ({"kafka": {"port": "9092"}}, "want integer"),
        ({"zookeeper": {"replicaCount": 2}}, "/zookeeper/replicaCount"),
        ({"k8s": {"persistence": {"explicitStorageClass": None}}}, "explicitStorageClass"),
        ({"utility": {"imagePullPolicy": "Sometimes"}}, "must be one of"),
        ({"whisk": {"runtimes": "none.json"}}, "whisk.runtimes names no file"),
        ({"controller": {"lean": True}}, "controller.lean: this stand-in"),
        ({"invoker": {"containerFactory": {"impl": "docker"}}}, "only make actions' containers"),
        ({"nginx": {"certificate": {"external": False}}}, "has no Job gen-certs"),
        ({"activationStoreBackend": "ElasticSearch"}, "in CouchDB only"),
    ],
)
def test_refusals(helm: str, tmp_path: Path, wrong: dict[str, Any], sentence: str) -> None:
    assert sentence in refused(helm, tmp_path, CHART, merged(values(), wrong))


def edited(catalogue: Path, place: Place, given: dict[str, Any]) -> dict[str, bytes]:
    """The files of the packed chart, as our deploy changes them."""
    inside = packed(catalogue)
    return render.overlay(OpenWhiskSettings.model_validate(given), place, Given(PAIR)).applied(
        inside
    )


def packed(catalogue: Path) -> dict[str, bytes]:
    """The files of the packed chart."""
    chart = fetch(Catalogue(catalogue).artifact("openwhisk", None, "chart", ANY))
    with tarfile.open(chart) as archive:
        files = {m.name: f.read() for m in archive if (f := archive.extractfile(m)) is not None}
    top = {name.split("/")[0] for name in files}
    assert top == {"openwhisk-deploy-kube-108f327580f04c51dc4b29ac0beff024cfd6f2f9"}
    return {name.split("/", 3)[3]: data for name, data in files.items()}


def test_our_edits_fit_its_scripts(openwhisk_catalogue: Path) -> None:
    inside = packed(openwhisk_catalogue)
    assert b"git clone https://" in inside["configMapFiles/initCouchDB/initdb.sh"]
    files = edited(openwhisk_catalogue, OFFLINE, {"offline": True})
    for name in ("initCouchDB/initdb.sh", "installPackages/myTask.sh"):
        script = files[f"configMapFiles/{name}"]
        assert b"git clone" not in script
        assert b"http://10.77.0.14:8003/openwhisk/openwhisk-$OW_GIT_TAG_OPENWHISK" in script
        subprocess.run(["bash", "-n"], input=script, check=True)
