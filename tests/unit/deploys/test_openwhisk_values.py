"""The values of OpenWhisk's chart for the settings that people use, written out from the facts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from deploys.openwhisk import edits, render, runtimes
from deploys.openwhisk.deploy import check_npm_cache
from deploys.openwhisk.keys import Keys
from deploys.openwhisk.render import Place
from deploys.openwhisk.settings import OpenWhiskSettings
from whisklab.engine.artifacts.catalogue import Catalogue
from whisklab.engine.helm.values import merged
from whisklab.engine.tls.authority import Pair
from whisklab.errors import BadInput
from whisklab.lab.standins.cache import SOURCES

KEYS = Keys(guest="GUEST", system="SYSTEM", db_password="PASSWORD")  # noqa: S106
PAIR = Pair("C", "K")
LAB = Place("10.77.0.11", "nfs-client")
SERVED = Place("10.77.0.11", "nfs-client", sources="http://10.0.0.14:8003/openwhisk")
CHART = SOURCES / "openwhisk" / "chart"
DEFAULT: dict[str, Any] = {
    "whisk": {
        "ingress": {"type": "NodePort", "apiHostName": "10.77.0.11", "apiHostPort": 31001},
        "auth": {"system": "SYSTEM", "guest": "GUEST"},
        "limits": {
            "actionsInvokesPerminute": 60,
            "actionsInvokesConcurrent": 30,
            "triggersFiresPerminute": 60,
            "actions": {"memory": {"min": "128m", "std": "256m", "max": "512m"}},
        },
        "containerPool": {"userMemory": "2048m"},
        "runtimes": "runtimes.json",
        "versions": {
            "openwhisk": {"gitTag": "ef725a653ab112391f79c274d8e3dcfb915d59a3"},
            "openwhiskCatalog": {"gitTag": "1.0.0"},
            "openwhiskPackageAlarms": {"gitTag": "2.3.0"},
            "openwhiskPackageKafka": {"gitTag": "2.1.0"},
        },
    },
    "k8s": {"persistence": {"hasDefaultStorageClass": False, "explicitStorageClass": "nfs-client"}},
    "docker": {"registry": {"name": ""}},
    "busybox": {"imageTag": "1.36.1"},
    "db": {"auth": {"username": "whisk_admin", "password": "PASSWORD"}},
    "kafka": {"imageName": "fatal69100/kafka", "imageTag": "2.8.1"},
    "nginx": {"httpsNodePort": 31001, "certificate": {"external": True}},
    "controller": {},
    "invoker": {"containerFactory": {"impl": "kubernetes", "kubernetes": {"replicaCount": 1}}},
    "scheduler": {"enabled": False},
    "providers": {"alarm": {"enabled": True}, "kafka": {"enabled": True}},
    "metrics": {"prometheusEnabled": False, "userMetricsEnabled": False},
}
SINGLE = {
    "affinity": {"enabled": False},
    "toleration": {"enabled": False},
    "invoker": {"options": "-Dwhisk.kubernetes.user-pod-node-affinity.enabled=false"},
}
LOAD = {
    "whisk": {
        "limits": {
            "actionsInvokesPerminute": 100000,
            "actionsInvokesConcurrent": 100000,
            "triggersFiresPerminute": 100000,
        }
    }
}


def _settings(**given: Any) -> OpenWhiskSettings:
    return OpenWhiskSettings.model_validate(given)


@pytest.mark.parametrize(
    ("settings", "place", "expected"),
    [
        pytest.param({}, LAB, {}, id="default lab"),
        pytest.param({}, Place("10.77.0.11", "nfs-client", single_node=True), SINGLE,
                     id="single node"),
        pytest.param(
            {"offline": True, "image_prefix": "10.0.0.14:5000/"},
            Place("10.77.0.11", "nfs-client", sources="http://10.0.0.14:8003/openwhisk"),
            {"docker": {"registry": {"name": "10.0.0.14:5000/"}}},
            id="off-line",
        ),
        pytest.param(
            {
                "invocations_per_minute": 100000,
                "invocations_concurrent": 100000,
                "triggers_per_minute": 100000,
            },
            LAB,
            LOAD,
            id="load test",
        ),
        pytest.param(
            {"alarms": False, "kafka_provider": False},
            LAB,
            {"providers": {"alarm": {"enabled": False}, "kafka": {"enabled": False}}},
            id="no providers",
        ),
        pytest.param(
            {"scheduler": True, "metrics": True},
            LAB,
            {
                "scheduler": {"enabled": True},
                "metrics": {"prometheusEnabled": True, "userMetricsEnabled": True},
            },
            id="scheduler and metrics",
        ),
    ],
)  # fmt: skip
def test_values(settings: dict[str, Any], place: Place, expected: dict[str, Any]) -> None:
    assert render.values(_settings(**settings), KEYS, place) == merged(DEFAULT, expected)


def test_the_users_values_are_merged_last() -> None:
    settings = _settings(values={"kafka": {"imageTag": "3"}, "pdb": {"enable": True}})
    found = render.values(settings, KEYS, LAB)
    assert found["kafka"] == {"imageName": "fatal69100/kafka", "imageTag": "3"}
    assert found["pdb"] == {"enable": True}


def test_heaps_memory_and_port() -> None:
    settings = _settings(
        controller_heap_mb=2048, invoker_heap_mb=256, invokers=3, user_memory_mb=4096,
        action_memory_mb=512, action_memory_max_mb=1024, api_port=31443,
    )  # fmt: skip
    found = render.values(settings, KEYS, LAB)
    assert found["controller"] == {"jvmHeapMB": "2048"}
    assert found["invoker"]["jvmHeapMB"] == "256"
    assert found["invoker"]["containerFactory"]["kubernetes"] == {"replicaCount": 3}
    assert found["whisk"]["containerPool"] == {"userMemory": "4096m"}
    assert found["whisk"]["ingress"]["apiHostPort"] == 31443
    assert found["nginx"]["httpsNodePort"] == 31443
    assert render.capacity(settings).startswith("24 actions of 512 MB at once")


@pytest.mark.parametrize(("std", "least"), [(64, "64m"), (128, "128m"), (512, "128m")])
def test_the_usual_memory_is_never_below_the_least(std: int, least: str) -> None:
    limits = render.values(_settings(action_memory_mb=std), KEYS, LAB)["whisk"]["limits"]
    memory = limits["actions"]["memory"]
    assert (memory["min"], memory["std"]) == (least, f"{std}m")


@pytest.mark.parametrize("host", ["10.0.0.11", "fd00::11", "ow", "OW.example.org", "ow.test."])
def test_hosts_that_others_may_reach(host: str) -> None:
    assert OpenWhiskSettings(api_host=host).api_host == host


def test_as_many_actions_at_once_as_the_memory_gives() -> None:
    expected = "8 actions of 256 MB at once (invokers: 1, with 2048 MB each)"
    assert render.capacity(_settings()) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"action_memory_mb": 1024}, "in rising order, not 1024, 512, 2048"),
        ({"certificate": "a.pem"}, "go together"),
        ({"api_port": 80}, "greater than or equal to 30000"),
        ({"image_prefix": "registry:5000"}, "pattern"),
        *(
            ({"api_host": bad}, "that other machines reach, such as 10.0.0.11")
            for bad in (
                "127.0.0.1",
                "localhost",
                "ow.localhost",
                "0.0.0.0",  # noqa: S104  refused
                "::1",
                "::",
                "",
                "http://10.77.0.11",
                "10.77.0.11:31001",
                "10.77.0",
                "a b",
                "-a",
            )
        ),
        *(
            ({"db_password": bad}, "expected only letters, digits and . _ ~ -")
            for bad in ("", "a b", "a@b", "a/b", "$(x)", "a'b", "a:b", "é", "a\n")
        ),
        ({"public_credentials": True, "db_password": "x"}, "expected False where a key"),
        (
            {"runtimes": {"nodejs": [{"kind": "nodejs:14", "image": "a/b:1"}]}},
            "nodejs: expected one default kind, there are none",
        ),
        (
            {"runtimes": {"go": [{"kind": "go:1.17", "image": "a/b:1", "default": True}]}},
            "openwhisk_runtimes: expected kinds of nodejs among them",
        ),
    ],
)
def test_bad_settings(given: dict[str, Any], expected: str) -> None:
    with pytest.raises(ValidationError, match=expected):
        _settings(**given)


def test_runtimes_are_as_the_chart_wants_them() -> None:
    manifest = json.loads(runtimes.manifest(_settings().runtimes))
    nodejs = manifest["runtimes"]["nodejs"][0]
    assert nodejs["kind"] == "nodejs:14"
    assert nodejs["default"] is True
    assert nodejs["image"] == {"prefix": "openwhisk", "name": "action-nodejs-v14", "tag": "1.20.0"}
    assert nodejs["stemCells"] == [{"initialCount": 2, "memory": "256 MB"}]
    java = manifest["runtimes"]["java"][0]
    assert java["attached"]["attachmentName"] == "jarfile"
    assert java["requireMain"] is True
    assert "stemCells" not in java
    for kinds in manifest["runtimes"].values():
        assert [each["default"] for each in kinds].count(True) == 1


def test_kinds_that_upstreams_packages_need_are_missed() -> None:
    every = _settings().runtimes
    assert runtimes.lacking(every, kafka_provider=True) == []
    few = {"nodejs": every["nodejs"]}
    swift, python = runtimes.lacking(few, kafka_provider=True)
    assert swift.startswith("openwhisk_runtimes has no swift, in which samples")
    assert python.startswith("openwhisk_runtimes has no python:3, which the packages of the Kafka")
    assert runtimes.lacking(few, kafka_provider=False) == [swift]
    with pytest.raises(
        ValidationError, match=r"has no swift.*; openwhisk_runtimes has no python:3"
    ):
        _settings(runtimes=few)
    assert _settings(runtimes=few, enabled=False)
    assert _settings(runtimes=few, chart_files={"runtimes.json": "mine.json"})  # who knows better


def test_an_image_of_a_registry_of_ones_own() -> None:
    own = {"kind": "nodejs:20", "image": "registry.lab/team/node:20.1", "default": True}
    kinds = {**runtimes.RUNTIMES, "nodejs": [own]}
    manifest = json.loads(runtimes.manifest(_settings(runtimes=kinds).runtimes))
    found = manifest["runtimes"]["nodejs"][0]["image"]
    assert found == {"prefix": "registry.lab/team", "name": "node", "tag": "20.1"}


def test_the_users_edits_come_last_and_know_our_names_only() -> None:
    edit = {"file": "a.sh", "anchor": "x", "text": "${RELEASE} $HOME $${HOME}"}
    overlay = render.overlay(_settings(chart_edits=[edit]), LAB, render.Given(PAIR))
    assert overlay.edits[-1].text == "owdev $HOME ${HOME}"
    wrong = _settings(chart_edits=[{**edit, "text": "${SOURCES}"}])
    with pytest.raises(BadInput, match=r"openwhisk_chart_edits: a.sh: \$\{SOURCES\} has no value"):
        render.overlay(wrong, LAB, render.Given(PAIR))
    given = render.Given(PAIR, {"runtimes.json": b"{}"})
    files = render.overlay(_settings(), LAB, given).files
    assert files["runtimes.json"] == b"{}"  # the user's own wins
    assert files[render.CERTIFICATE] == b"C"


def _script(place: Place, **given: Any) -> str:
    """The script of install-packages, as it is changed in the chart."""
    names = [path for path in CHART.rglob("*") if path.is_file()]
    files = {path.relative_to(CHART).as_posix(): path.read_bytes() for path in names}
    changed = render.overlay(_settings(**given), place, render.Given(PAIR)).applied(files)
    return changed[edits.PACKAGES].decode()


def test_off_line_npm_has_its_cache_or_the_job_says_so() -> None:
    script = _script(SERVED, offline=True)
    url = "npm_cache=http://10.0.0.14:8003/openwhisk/npm-cache.tar.gz\n"
    assert script.index(url) < script.index("npm_config_offline=true")
    assert script.index("npm_config_offline=true") < script.index("installRouteMgmt.sh")
    assert "cannot be fetched" in script
    # Archives from elsewhere are no sign that there is no way out.
    assert "npm_config" not in _script(SERVED)
    assert "npm_config" not in _script(LAB)
    assert render.sources()["npm-cache.tar.gz"] == "npm-cache"


@pytest.mark.parametrize(("place", "offline"), [(LAB, False), (SERVED, True)])
def test_alarms_take_the_default_kind_of_nodejs(place: Place, offline: bool) -> None:
    lines = _script(place, offline=offline).splitlines()
    at = lines.index("export OPENWHISK_HOME=/openwhisk")
    assert lines[at + 1] == "export ACTION_RUNTIME_VERSION=nodejs:default"
    assert any("npm_config_offline" in line for line in lines[:at]) is offline


def test_off_line_without_a_cache_of_npm_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.yaml"
    entry = "{all: {url: 'https://x.test/c.tar.gz', sha256: " + "a" * 64 + "}}"
    product = "openwhisk: {default: '1', versions: {'1': {NAME: " + entry + "}}}"
    path.write_text(product.replace("NAME", "chart"))
    with pytest.raises(BadInput, match=r"has no npm-cache of openwhisk.*`whisklab lock`"):
        check_npm_cache(Catalogue(path), None)
    path.write_text(product.replace("NAME", "npm-cache"))
    check_npm_cache(Catalogue(path), None)


@pytest.mark.parametrize(
    "name", ["invocations_per_minute", "invocations_concurrent", "triggers_per_minute"]
)
def test_a_rate_that_helm_would_write_as_a_float_is_refused(name: str) -> None:
    assert OpenWhiskSettings.model_validate({name: 999_999})
    with pytest.raises(ValidationError, match="less than or equal to 999999"):
        OpenWhiskSettings.model_validate({name: 1_000_000})


def test_another_domain_of_the_cluster_reaches_the_chart() -> None:
    found = render.values(_settings(), KEYS, Place("10.0.0.1", "nfs-client", domain="lab.test"))
    assert found["k8s"]["domain"] == "lab.test"
    assert found["k8s"]["persistence"]["explicitStorageClass"] == "nfs-client"
    assert "domain" not in render.values(_settings(), KEYS, LAB)["k8s"]
