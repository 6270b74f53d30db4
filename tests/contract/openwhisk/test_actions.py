"""Actions through the REST API: their forms, calls and refusals, in upstream's words."""

from __future__ import annotations

import base64
import io
import re
import zipfile
from typing import Any

import httpx
import pytest

from tests.contract.openwhisk.rig import RUNTIMES, Platform, eventually, put, record

HELLO = """
function main(args) {
  console.log('called')
  return { payload: `Hello, ${args.name || 'World'}!` }
}
"""
ECHO_PY = "def main(args):\n    return args\n"
CALL = "?blocking=true&result=true"


def call(
    client: httpx.Client, action: str, *, query: str = CALL, **arguments: Any
) -> httpx.Response:
    return client.post(f"/namespaces/_/actions/{action}{query}", json=arguments)


def refusal(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    found = answer.json()
    assert found.keys() == {"error", "code"}
    assert len(found["code"]) == 32
    return str(found["error"])


def test_who_it_says_it_is(whisk: Platform, nobody: httpx.Client) -> None:
    assert httpx.get(f"{whisk.api}/ping").text == "pong"
    assert "stand-in" in nobody.get("").json()["description"]
    about = httpx.get(f"{whisk.api}/").json()
    assert about["limits"]["concurrent_actions"] == 30
    assert about["limits"]["max_action_memory"] == 512 * 1024 * 1024
    kinds = [each["kind"] for family in RUNTIMES["runtimes"].values() for each in family]
    told = [each["kind"] for family in about["runtimes"].values() for each in family]
    assert told == kinds


def test_hello(guest: httpx.Client) -> None:
    made = put(guest, "hello", HELLO)
    assert made["namespace"] == "guest"
    assert made["exec"] == {"kind": "nodejs:14", "code": HELLO, "binary": False}
    assert made["version"] == "0.0.1"
    assert made["limits"] == {"timeout": 60000, "memory": 256, "logs": 10, "concurrency": 1}
    assert {"key": "provide-api-key", "value": False} in made["annotations"]
    assert {"key": "exec", "value": "nodejs:14"} in made["annotations"]
    answer = call(guest, "hello")
    assert (answer.status_code, answer.json()) == (200, {"payload": "Hello, World!"})
    assert call(guest, "hello", name="JavaScript").json() == {"payload": "Hello, JavaScript!"}


def test_the_record_of_a_call(guest: httpx.Client) -> None:
    put(guest, "recorded", HELLO)
    cold = call(guest, "recorded", query="?blocking=true").json()
    record(guest, cold["activationId"])
    warm = call(guest, "recorded", query="?blocking=true").json()
    assert cold["response"] == {
        "result": {"payload": "Hello, World!"},
        "success": True,
        "status": "success",
    }
    assert cold["duration"] == cold["end"] - cold["start"]
    told = [{each["key"]: each["value"] for each in one["annotations"]} for one in (cold, warm)]
    assert told[0]["path"] == "guest/recorded"
    assert told[0]["kind"] == "nodejs:14"
    assert told[0]["initTime"] >= 0
    assert "initTime" not in told[1], "the second call had a container with the function in it"
    assert told[1]["waitTime"] >= 0


def test_a_call_that_is_not_waited_for(guest: httpx.Client) -> None:
    put(guest, "later", HELLO)
    answer = call(guest, "later", query="")
    assert answer.status_code == 202
    activation = answer.json()["activationId"]
    assert answer.headers["x-openwhisk-activation-id"] == activation
    path = f"/namespaces/_/activations/{activation}"
    found = record(guest, activation)
    assert found["activationId"] == activation
    (line,) = found["logs"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\S*Z +stdout: called", line)
    assert guest.get(f"{path}/logs").json() == {"logs": found["logs"]}
    assert guest.get(f"{path}/result").json() == found["response"]
    listed = guest.get("/namespaces/_/activations", params={"name": "later"}).json()
    assert [each["activationId"] for each in listed] == [activation]
    assert listed[0]["statusCode"] == 0
    whole = guest.get("/namespaces/_/activations", params={"name": "later", "docs": "true"}).json()
    assert whole == [found]


def test_activations_are_listed_by_time(guest: httpx.Client) -> None:
    put(guest, "often", HELLO)
    made = [call(guest, "often", query="?blocking=true").json() for _ in range(3)]

    def listed(**more: str | int) -> list[str]:
        query = {"name": "often", **more}
        found = guest.get("/namespaces/_/activations", params=query).json()
        return [each["activationId"] for each in found]

    ids = [each["activationId"] for each in reversed(made)]
    assert eventually(lambda: found if len(found := listed()) == 3 else None) == ids
    assert listed(limit=1, skip=1) == [ids[1]]
    assert set(listed(since=made[2]["start"])) <= set(ids)
    assert ids[2] not in listed(since=made[0]["start"] + 1)


def test_parameters_and_versions(guest: httpx.Client) -> None:
    put(guest, "given", "function main(a) { return a }", parameters=[{"key": "a", "value": 1}])
    assert call(guest, "given", b=2).json() == {"a": 1, "b": 2}
    assert call(guest, "given", a=3).json() == {"a": 3}
    changed = put(guest, "given", "function main(a) { return {now: a.a} }")
    assert changed["version"] == "0.0.2"
    assert changed["parameters"] == [{"key": "a", "value": 1}]
    assert call(guest, "given").json() == {"now": 1}
    final = [{"key": "final", "value": True}]
    put(guest, "given", "function main(a) { return a }", annotations=final)
    assert "not allowed" in refusal(call(guest, "given", a=4), 400)


def test_annotations_are_added_to_those_that_are_there(guest: httpx.Client) -> None:
    def told(kept: dict[str, Any]) -> dict[str, Any]:
        return {each["key"]: each["value"] for each in kept["annotations"]}

    def change(name: str, exec_: dict[str, Any], **more: Any) -> dict[str, Any]:
        body = {"exec": exec_, "annotations": [{"key": "b", "value": 2}], **more}
        return told(guest.put(f"/namespaces/_/actions/{name}?overwrite=true", json=body).json())

    ours = {"provide-api-key": False}
    put(guest, "noted", HELLO, annotations=[{"key": "a", "value": 1}])
    code = {"kind": "nodejs:14", "code": HELLO}
    assert change("noted", code) == {**ours, "a": 1, "b": 2, "exec": "nodejs:14"}
    assert change("noted", code, delAnnotations=["a"]) == {**ours, "b": 2, "exec": "nodejs:14"}
    chain = {"kind": "sequence", "components": ["/_/noted"]}
    assert change("chained", chain)["b"] == 2
    assert change("chained", chain, delAnnotations=["provide-api-key"]).keys() >= ours.keys()


def test_python(guest: httpx.Client) -> None:
    assert put(guest, "echo", ECHO_PY, "python:default")["exec"]["kind"] == "python:3"
    assert call(guest, "echo", a=[1, "ü"]).json() == {"a": [1, "ü"]}


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        (
            "nodejs:14",
            {
                "index.js": "exports.main = () => ({from: require('./part')})",
                "part.js": "module.exports = 'part'",
            },
        ),
        (
            "python:3",
            {
                "__main__.py": "import part\ndef main(a):\n    return {'from': part.NAME}",
                "part.py": "NAME = 'part'",
            },
        ),
    ],
)
def test_archives(guest: httpx.Client, kind: str, files: dict[str, str]) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    made = put(guest, "packed", base64.b64encode(packed.getvalue()).decode(), kind)
    assert made["exec"]["binary"] is True
    assert call(guest, "packed").json() == {"from": "part"}


def test_reading_and_deleting(guest: httpx.Client) -> None:
    put(guest, "short-lived", HELLO)
    path = "/namespaces/_/actions/short-lived"
    assert guest.get(path).json()["exec"]["code"] == HELLO
    assert "code" not in guest.get(f"{path}?code=false").json()["exec"]
    listed = {each["name"]: each for each in guest.get("/namespaces/_/actions").json()}
    assert listed["short-lived"]["exec"] == {"binary": False}
    assert guest.delete(path).json()["name"] == "short-lived"
    assert refusal(guest.get(path), 404) == "The requested resource does not exist."
    assert refusal(guest.delete(path), 404)
    assert refusal(call(guest, "short-lived"), 404)


def test_what_goes_wrong_in_a_function(guest: httpx.Client) -> None:
    put(guest, "own-error", "function main() { return {error: 'mine'} }")
    answer = call(guest, "own-error", query="?blocking=true")
    assert answer.status_code == 502
    assert answer.json()["response"] == {
        "result": {"error": "mine"},
        "success": False,
        "status": "application error",
    }
    put(guest, "throws", "function main() { throw new Error('thrown') }")
    answer = call(guest, "throws", query="?blocking=true")
    assert answer.status_code == 502
    assert answer.json()["response"]["status"] == "action developer error"
    assert "thrown" in answer.json()["response"]["result"]["error"]
    put(guest, "exits", "function main() { process.exit(1) }")
    assert "exited unexpectedly" in call(guest, "exits").json()["error"]
    put(guest, "nonsense", "function main( {")
    assert "Initialization has failed" in call(guest, "nonsense").json()["error"]
    put(guest, "broken", "def main(args):\n    return 1 / 0\n", "python:3")
    assert "ZeroDivisionError" in call(guest, "broken").json()["error"]
    put(guest, "text", "def main(args):\n    return 'text'\n", "python:3")
    assert "dictionary" in call(guest, "text").json()["error"]


def test_a_function_that_takes_too_long(guest: httpx.Client) -> None:
    put(guest, "slow", "function main() { return new Promise(() => {}) }", limits={"timeout": 200})
    answer = call(guest, "slow", query="?blocking=true").json()
    text = "The action exceeded its time limits of 200 milliseconds."
    assert answer["response"]["result"] == {"error": text}
    assert {"key": "timeout", "value": True} in answer["annotations"]
    quick = put(guest, "slow", HELLO)
    assert quick["limits"]["timeout"] == 200
    assert call(guest, "slow").status_code == 200


def test_a_container_that_cannot_be_had(whisk: Platform, guest: httpx.Client) -> None:
    put(guest, "nowhere", "<?php", "php:default")
    answer = call(guest, "nowhere", query="?blocking=true")
    assert answer.status_code == 500
    response = answer.json()["response"]
    assert response["status"] == "whisk internal error"
    assert response["result"]["error"] == "Failed to provision resources to run the action."
    log = whisk.roles["invoker"].log.read_text()
    assert "there is no image openwhisk/action-php-v7.4:1.17.0" in log


NODE = {"kind": "nodejs:14", "code": "x"}
UNKNOWN = "The specified runtime 'cobol:1' is not supported by this platform."
KINDS = "Valid values are: 'nodejs:14', 'python:3', 'php:7.4'."


@pytest.mark.parametrize(
    ("body", "wanted"),
    [
        (
            {"exec": {"kind": "cobol:1", "code": "x"}},
            f"The request content was malformed:\n{UNKNOWN} {KINDS}",
        ),
        ({"exec": {"kind": "nodejs:14"}}, "'code' must be a string"),
        ({}, "exec undefined"),
        (
            {"exec": NODE, "limits": {"memory": 1024}},
            "memory size 1024 MB exceeds allowed threshold of 512 MB",
        ),
        (
            {"exec": NODE, "limits": {"timeout": 1}},
            "duration 1 milliseconds below allowed threshold of 100 milliseconds",
        ),
        ({"exec": NODE, "limits": {"memory": "much"}}, "memory limit malformed"),
        ({"exec": NODE, "parameters": {"a": 1}}, "parameters malformed"),
    ],
)
def test_bad_actions(guest: httpx.Client, body: dict[str, Any], wanted: str) -> None:
    assert wanted in refusal(guest.put("/namespaces/_/actions/bad", json=body), 400)
    assert guest.get("/namespaces/_/actions/bad").status_code == 404


def test_refusals(guest: httpx.Client, system: httpx.Client, nobody: httpx.Client) -> None:
    put(guest, "there", HELLO)
    body = {"exec": {"kind": "nodejs:14", "code": HELLO}}
    again = guest.put("/namespaces/_/actions/there", json=body)
    assert refusal(again, 409) == "resource already exists"
    assert "not in this collection" in refusal(guest.get("/namespaces/_/packages/there"), 409)
    unknown = nobody.get("/namespaces/_/actions")
    assert "not supplied" in refusal(unknown, 401)
    assert unknown.headers["www-authenticate"].startswith("Basic")
    wrong = nobody.get("/namespaces/_/actions", auth=("a" * 36, "b" * 64))
    assert refusal(wrong, 401) == "The supplied authentication is invalid"
    assert "not authorized" in refusal(system.get("/namespaces/guest/actions/there"), 403)
    assert "not authorized" in refusal(
        guest.put("/namespaces/whisk.system/actions/x", json=body), 403
    )
    assert refusal(guest.get("/namespaces/_/nothing"), 404)
    assert "illegal characters" in refusal(guest.put("/namespaces/_/actions/*", json=body), 400)
    bad = guest.put("/namespaces/_/actions/x", content=b"{")
    assert "malformed" in refusal(bad, 400)


def test_lists_in_pages(guest: httpx.Client) -> None:
    for number in range(3):
        put(guest, f"page-{number}", HELLO)
    path = "/namespaces/_/actions"
    names = [each["name"] for each in guest.get(path, params={"limit": 3}).json()]
    assert names == ["page-2", "page-1", "page-0"], "the newest comes first"
    assert [each["name"] for each in guest.get(path, params={"limit": 1, "skip": 1}).json()] == [
        "page-1"
    ]
    assert "not in the range" in refusal(guest.get(path, params={"limit": 1000}), 400)
    assert "not an integer" in refusal(guest.get(path, params={"limit": "x"}), 400)
    count = guest.get(path, params={"count": "true", "limit": 200}).json()
    assert count == {"actions": len(guest.get(path, params={"limit": 200}).json())}


def test_namespaces(guest: httpx.Client, system: httpx.Client) -> None:
    assert guest.get("/namespaces").json() == ["guest"]
    assert system.get("/namespaces").json() == ["whisk.system"]
