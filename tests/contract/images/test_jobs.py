"""The scripts of the chart's jobs and tests, as our deploy changes them, in their image."""

from __future__ import annotations

import pytest
import yaml

from deploys.openwhisk import edits, render
from deploys.openwhisk.edits import DATA_SAFETY
from deploys.openwhisk.render import Given, Place
from deploys.openwhisk.settings import OpenWhiskSettings
from tests.contract.images.container import Container
from tests.contract.openwhisk.rig import (
    DB_PASSWORD,
    DB_USER,
    GUEST,
    MARKER,
    SYSTEM,
    Platform,
    put,
)
from whisklab.engine.helm.overlay import Overlay
from whisklab.engine.tls.authority import Pair
from whisklab.lab.standins.cache import SOURCES

CHART = SOURCES / "openwhisk" / "chart"
CATALOG = {"github", "samples", "slack", "utils", "websocket"}
SCRIPTS = ("configMapFiles/initCouchDB/initdb.sh", "configMapFiles/installPackages/myTask.sh")


def environment(platform: Platform) -> dict[str, str]:
    """What the chart gives the jobs."""
    couchdb = {"PROTOCOL": "http", "HOST": "127.0.0.1", "PORT": str(platform.roles["couchdb"].port)}
    versions = yaml.safe_load((CHART / "values.yaml").read_text())["whisk"]["versions"]
    provider = {**couchdb, "USERNAME": DB_USER, "PASSWORD": DB_PASSWORD}
    return {
        **{f"DB_{name}": value for name, value in couchdb.items()},
        **{f"PROVIDER_DB_{name}": value for name, value in provider.items()},
        "DB_PREFIX": "test_",
        "COUCHDB_USER": DB_USER,
        "COUCHDB_PASSWORD": DB_PASSWORD,
        "NODENAME": "couchdb0",
        "WHISK_AUTH": SYSTEM,
        "WHISK_API_HOST_URL": platform.api,
        "WHISK_SYSTEM_NAMESPACE": "/whisk.system",
        "WHISK_API_GATEWAY_HOST_V2": f"http://127.0.0.1:{platform.roles['apigateway'].port}/v2",
        "ALARM_DB_PREFIX": "alm",
        "KAFKA_DB_PREFIX": "kp",
        "OW_GIT_TAG_OPENWHISK": versions["openwhisk"]["gitTag"],
        "OW_GIT_TAG_OPENWHISK_CATALOG": versions["openwhiskCatalog"]["gitTag"],
        "OW_GIT_TAG_OPENWHISK_PACKAGE_ALARMS": versions["openwhiskPackageAlarms"]["gitTag"],
        "OW_GIT_TAG_OPENWHISK_PACKAGE_KAFKA": versions["openwhiskPackageKafka"]["gitTag"],
    }


def scripts(sources: str, *, spare: bool = True) -> dict[str, bytes]:
    """The jobs' scripts as our deploy changes them off-line; `spare`: with the data safety."""
    settings = OpenWhiskSettings.model_validate({"offline": True})
    there = Place("127.0.0.1", "nfs-client", sources=sources)
    overlay = render.overlay(settings, there, Given(Pair("C", "K")))
    wanted = [edit for edit in overlay.edits if edit.file in SCRIPTS]
    wanted = [edit for edit in wanted if spare or edit.text != DATA_SAFETY[0].text]
    files = {name: (CHART / name).read_bytes() for name in SCRIPTS}
    return Overlay(tuple(wanted)).applied(files)


def packages(platform: Platform) -> set[str]:
    with platform.client() as client:
        found = client.get("/namespaces/whisk.system/packages").json()
    return {each["name"] for each in found}


def place(container: Container, script: bytes) -> str:
    task = container.root / "task"
    task.mkdir(exist_ok=True)
    (task / "script.sh").write_bytes(script)
    return "set -e; . /task/script.sh"


def test_the_jobs_clone_and_so_cannot_work_off_line(
    container: Container, platform: Platform
) -> None:
    for name in SCRIPTS:
        script = (CHART / name).read_bytes().replace(b"https://github.com", b"http://127.0.0.1:9")
        env = environment(platform)
        done = container.run("/bin/bash", "-c", place(container, script), **env)
        assert done.returncode == 128, done.stdout + done.stderr
        assert "fatal: unable to access 'http://127.0.0.1:9/apache/openwhisk/'" in done.stderr
    assert not (container.root / "openwhisk").exists()


@pytest.mark.parametrize(
    ("providers", "wanted"),
    [("no", CATALOG), ("yes", {*CATALOG, "alarms", "messaging"})],
)
def test_the_packages_are_made_from_the_archives(
    container: Container, platform: Platform, sources: str, providers: str, wanted: set[str]
) -> None:
    env = environment(platform)
    for name in ("OW_INSTALL_ALARM_PROVIDER", "OW_INSTALL_KAFKA_PROVIDER"):
        env[name] = providers
    said = container.bash(place(container, scripts(sources)[SCRIPTS[1]]), **env)
    assert "all packages are installed" in said
    assert packages(platform) == wanted
    answer = platform.client().post(
        "/namespaces/whisk.system/actions/utils/split?blocking=true&result=true",
        json={"payload": "a,b", "separator": ","},
    )
    assert answer.json() == {"lines": ["a", "b"], "payload": "a,b"}


def test_the_packages_ask_for_the_cache_of_npm_and_say_when_there_is_none(
    container: Container, sources: str
) -> None:
    script = scripts(sources)[SCRIPTS[1]]
    begin = script[: script.index(edits.PACKAGES_BEGIN.encode())] + b"export -p"
    assert 'npm_config_offline="true"' in container.bash(place(container, begin))
    nowhere = begin.replace(b"/npm-cache.tar.gz\n", b"/no-cache.tar.gz\n")
    done = container.run("/bin/bash", "-c", place(container, nowhere))
    assert done.returncode == 1
    assert "no-cache.tar.gz cannot be fetched" in done.stdout


def test_helm_s_tests_pass(container: Container, platform: Platform) -> None:
    for name in ("packageChecker", "smoketest"):
        script = (CHART / "configMapFiles/tests" / name / "myTask.sh").read_bytes()
        env = {"WSK_AUTH": GUEST, "WSK_API_HOST_URL": platform.api}
        assert "PASSED" in container.bash(place(container, script), **env)


def test_init_couchdb_spares_what_is_there_and_unchanged_it_wipes(
    container: Container, platform: Platform, sources: str
) -> None:
    env = environment(platform)
    auth = container.root / "etc" / "whisk-auth"
    auth.mkdir()
    (auth / "guest").write_text(GUEST)
    (auth / "system").write_text(SYSTEM)
    with platform.client() as client:
        put(client, "kept", "function main() { return {} }")
        said = container.bash(place(container, scripts(sources)[SCRIPTS[0]]), **env)
        assert "they stay as they are" in said
        assert client.get("/namespaces/_/actions/kept").status_code == 200
        # Upstream's own does not look.
        container.bash(place(container, scripts(sources, spare=False)[SCRIPTS[0]]), **env)
        assert client.get("/namespaces/_/actions/kept").status_code == 404
    assert platform.couchdb("GET", f"/{MARKER}").status_code == 200
