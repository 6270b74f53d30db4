"""OpenWhisk after `make lab`: functions answer by all ways, and come back from a file."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.e2e.cluster.site import Run, Site
from tests.e2e.cluster.waiting import until
from tests.e2e.openwhisk.asking import (
    ECHO,
    HELLO,
    READY,
    RELEASE,
    SPACE,
    components,
    create,
    invoke,
    rest,
    revisions,
    url,
    wsk,
)

pytestmark = pytest.mark.e2e

Lasting = tuple[Future[Run], Future[tuple[str, str, str]]]
SECONDS, LETTERS = 90, 1_000_000
SLOW = f"""
function main() {{
  return new Promise(done => setTimeout(() => done({{waited: {SECONDS}}}), {SECONDS * 1000}));
}}
"""
BIG = f"function main() {{ return {{body: 'x'.repeat({LETTERS})}}; }}"


@pytest.fixture(scope="module", autouse=True)
def lasting(site: Site) -> Iterator[Lasting]:
    """What the client and the URL say of an action that runs for long, beside all other tests."""
    for name, code in (("slow", SLOW), ("big", BIG)):
        rest(site, "PUT", f"actions/{name}", {
            "exec": {"kind": "nodejs:default", "code": code}, "limits": {"timeout": 120_000},
            "annotations": [{"key": "web-export", "value": True}],
        })  # fmt: skip
    assert by_url(site, "big")[1] == "200"
    with ThreadPoolExecutor() as pool:
        yield pool.submit(called, site, "slow"), pool.submit(by_url, site, "slow")
    for name in ("slow", "big"):
        rest(site, "DELETE", f"actions/{name}")


def called(site: Site, action: str) -> Run:
    """Call an action by the client that verify uses."""
    return site.run(".venv/bin/python", "-m", "tests.e2e.openwhisk.calling", site.name, action)


def by_url(site: Site, action: str) -> tuple[str, str, str]:
    """Ask the URL of a web action: its answer, the status, and which call it was.

    On a busy machine an invoker is late with its word for a moment, and the controller answers 503.
    """
    answers: list[tuple[str, str, str]] = []

    def asked() -> bool:
        there = url(site, f"/api/v1/web/guest/default/{action}")
        told = "\n%{http_code} %header{x-openwhisk-activation-id}"
        body, _, last = site.ssh("master", "curl", "-sS", "-w", told, there).rpartition("\n")
        status, _, activation = last.partition(" ")
        answers.append((body, status, activation))
        return status != "503"

    until(f"the URL of {action} answers", asked)
    return answers[-1]


@pytest.fixture(scope="module")
def hello(site: Site) -> Iterator[str]:
    """An action that a user created."""
    create(site, "mine", HELLO, ".js", "--param", "since", "the-first-day")
    yield "mine"
    wsk(site, "action", "delete", "mine")


def test_a_component_finds_pythons_library_compiled(site: Site) -> None:
    """Else each container compiles what it loads of it, at each start."""
    code = (
        "import pathlib, sys; there = [*pathlib.Path('/usr/lib').rglob('*.pyc')]; "
        "assert there; print(*(each for each in there if each.stat().st_mtime))"
    )
    said = site.kubectl("-n", SPACE, "exec", "owdev-controller-0", "--", "python3", "-c", code)
    assert said.strip() == ""


def test_a_function_by_cli(site: Site, hello: str) -> None:
    assert invoke(site, hello) == {"payload": "Hello, World!"}
    named = invoke(site, hello, "--param", "name", "JavaScript")
    assert named == {"payload": "Hello, JavaScript!"}
    assert hello in wsk(site, "activation", "list")


def test_a_web_action_by_url(site: Site) -> None:
    create(site, "web", ECHO, ".py", "--web", "true")
    try:
        said = wsk(site, "action", "get", "web", "--url").split()[-1]
        assert said == url(site, "/api/v1/web/guest/default/web")
        answer = site.ssh(
            "master", "curl", "-sS", "-w", "\n%{http_code} %{content_type}", f"{said}?name=Python"
        )
    finally:
        wsk(site, "action", "delete", "web")
    body, _, head = answer.rpartition("\n")
    assert head.split() == ["200", "application/json"]
    found = json.loads(body)
    assert (found["__ow_method"], found["name"]) == ("get", "Python")


def test_the_shared_packages_are_there(site: Site) -> None:
    listed = wsk(site, "package", "list", "/whisk.system")
    found = {line.split()[0].rpartition("/")[2] for line in listed.splitlines()[1:]}
    expected = {"alarms", "github", "messaging", "samples", "slack", "utils", "websocket"}
    assert found == expected


def test_claims_are_bound_on_the_storage_class(site: Site) -> None:
    claims = site.objects("pvc", "-n", SPACE)
    assert "owdev-couchdb-pvc" in {each["metadata"]["name"] for each in claims}
    assert {each["spec"]["storageClassName"] for each in claims} == {"nfs-client"}
    assert {each["status"]["phase"] for each in claims} == {"Bound"}


def test_actions_run_on_nodes_of_invokers_only(site: Site, hello: str) -> None:
    invoke(site, hello)
    pods = site.objects("pods", "-n", SPACE, "-l", "user-action-pod=true")
    assert pods
    assert {each["spec"]["nodeName"] for each in pods} <= {"worker1", "worker2"}


def test_a_second_run_changes_nothing_and_restarts_no_pod(site: Site) -> None:
    before, count = components(site), revisions(site)
    assert site.converge() == set()
    assert components(site) == before
    assert revisions(site) == count


def test_verify_tells_latencies_and_runs_the_charts_own_tests(site: Site) -> None:
    before = wsk(site, "action", "list")
    done = site.whisklab("verify", site.name, "--helm-test", "--json")
    assert done.code == 0, done.output
    checks = {each["check"]: each for each in json.loads(done.stdout)["checks"]}
    assert "owdev-tests-package-checker" in checks["helm test passes"]["detail"]
    for name in ("hello.js by the REST API", "hello.py by its URL"):
        measured = checks[name]["measured"]
        assert measured["warm_ms"] > 0
        assert measured["cold_ms"] > 0
    assert wsk(site, "action", "list") == before  # nothing is left behind


def test_what_the_readme_says_after_make_lab(site: Site) -> None:
    """Each command of its block but `down`, as it stands there; the lab has another name here."""
    text = (site.directory / "README.md").read_text()
    block = text.partition("**What you then have**")[2].split("```")[1]
    commands = [shlex.split(line, comments=True) for line in block.splitlines()[1:]]
    asked = [words for words in commands if "down" not in words]
    assert len(asked) == len(commands) - 1 > 3
    for words in asked:
        done = site.run(*(site.name if word == "lab" else word for word in words))
        assert done.code == 0, done.output


def test_status_is_one_screen(site: Site) -> None:
    shown = site.whisklab("status", site.name)
    assert shown.code == 0, shown.output
    for words in ("/var/nfs/kubedata", "openwhisk-nfs", "owdev", url(site, ""), "worker2"):
        assert words in shown.output
    assert len(shown.output.splitlines()) < 50
    site.kubectl("-n", SPACE, "scale", "deployment", "owdev-redis", "--replicas=0")
    try:
        site.kubectl("-n", SPACE, "delete", "job", "owdev-init-couchdb")
        told = site.whisklab("status", site.name, "--json")
    finally:
        assert site.converge() == {RELEASE, READY}
    assert told.code == 1
    assert json.loads(told.stdout)["ok"] is False
    assert "init-couchdb" in told.stdout


def test_actions_come_back_from_their_export(site: Site, hello: str, tmp_path: Path) -> None:
    file = tmp_path / "actions.json"
    rest(site, "PUT", "packages/tools", {})
    create(site, "tools/echo", ECHO, ".py", "--web", "true")
    rest(site, "PUT", "triggers/bell", {})
    rule = {"trigger": "/_/bell", "action": "/_/tools/echo", "status": "active"}
    rest(site, "PUT", "rules/ring", rule)
    export = site.whisklab("actions", "export", site.name, str(file))
    assert export.code == 0, export.output
    assert file.stat().st_mode & 0o777 == 0o600
    things = ("rules/ring", "triggers/bell", "actions/tools/echo", "packages/tools")
    for thing in (*things, f"actions/{hello}", "actions/big"):
        rest(site, "DELETE", thing)
    assert hello not in wsk(site, "action", "list")
    back = site.whisklab("actions", "import", site.name, str(file))
    assert back.code == 0, back.output
    assert invoke(site, hello) == {"payload": "Hello, World!"}
    assert rest(site, "GET", "actions/big")["limits"]["timeout"] == 120_000
    given = rest(site, "GET", f"actions/{hello}")["parameters"]
    assert [(each["key"], each["value"]) for each in given] == [("since", "the-first-day")]
    assert invoke(site, "tools/echo", "--param", "a", "b")["body"]["a"] == "b"
    assert rest(site, "GET", "rules/ring")["status"] == "active"
    again = site.whisklab("actions", "import", site.name, str(file))
    assert again.code == 0, again.output
    for thing in things:
        rest(site, "DELETE", thing)


def test_an_answer_of_a_megabyte_by_all_ways(site: Site) -> None:
    done = called(site, "big")
    assert done.code == 0, done.output[-2000:]
    assert len(json.loads(done.stdout)["response"]["result"]["body"]) == LETTERS
    assert len(invoke(site, "big")["body"]) == LETTERS
    body, status, _ = by_url(site, "big")
    assert (len(body), status) == (LETTERS, "200")


def test_an_action_that_runs_longer_than_a_call_may_wait(site: Site, lasting: Lasting) -> None:
    """OpenWhisk answers after 60 s that it goes on (202); its record comes when it ends."""
    done, (_, status, activation) = lasting[0].result(), lasting[1].result()
    assert done.code == 0, done.output
    record = json.loads(done.stdout)
    assert record["response"]["result"] == {"waited": SECONDS}
    assert record["duration"] >= SECONDS * 1000
    assert status == "202"
    # By its name: of all there may be more than a list has.
    until("the record", lambda: activation in wsk(site, "activation", "list", "slow"))
    by_its_url = rest(site, "GET", f"activations/{activation}")
    assert by_its_url["response"]["result"] == {"waited": SECONDS}
