"""Packages and bindings, triggers and rules, sequences."""

from __future__ import annotations

import json
from typing import Any

import httpx

from tests.contract.openwhisk.rig import SYSTEM, Platform, eventually, put
from tests.contract.openwhisk.test_actions import call, refusal

ECHO = "function main(args) { return args }"
SHARED = {"annotations": [{"key": "description", "value": "for all"}]}


def test_packages(guest: httpx.Client) -> None:
    path = "/namespaces/_/packages/tools"
    parameters = [{"key": "unit", "value": "m"}]
    made = guest.put(path, json={"parameters": parameters}).json()
    assert (made["binding"], made["publish"], made["version"]) == ({}, False, "0.0.1")
    put(guest, "tools/echo", ECHO, parameters=[{"key": "own", "value": 1}])
    assert call(guest, "tools/echo", a=2).json() == {"unit": "m", "own": 1, "a": 2}
    assert [each["name"] for each in guest.get(path).json()["actions"]] == ["echo"]
    inside = guest.get("/namespaces/_/actions/tools/").json()
    assert [(each["namespace"], each["name"]) for each in inside] == [("guest/tools", "echo")]
    assert "tools" in [each["name"] for each in guest.get("/namespaces/_/packages").json()]
    assert "contains 1 entity" in refusal(guest.delete(path), 409)
    assert guest.delete(f"{path}?force=true").status_code == 200
    assert refusal(guest.get("/namespaces/_/actions/tools/echo"), 404)
    body = {"exec": {"kind": "nodejs:14", "code": ECHO}}
    assert refusal(guest.put("/namespaces/_/actions/tools/echo", json=body), 404)
    assert "reserved" in refusal(guest.put("/namespaces/_/packages/default", json={}), 400)


def test_shared_packages_and_bindings(
    whisk: Platform, guest: httpx.Client, system: httpx.Client
) -> None:
    tree = whisk.room / "packages" / "utils"
    tree.mkdir(parents=True)
    (tree / "echo.js").write_text(ECHO)
    about: dict[str, Any] = {"parameters": [{"key": "shared", "value": True}], **SHARED}
    about["actions"] = {"echo": {"file": "echo.js", "kind": "nodejs:default", **SHARED}}
    (tree / "package.json").write_text(json.dumps(about))
    for _ in range(2):
        said = whisk.job(
            "install-packages",
            str(tree.parent),
            WHISK_AUTH=SYSTEM,
            WHISK_API_HOST_URL=whisk.api,
        )
        assert "package utils is there" in said
    listed = guest.get("/namespaces/whisk.system/packages").json()
    assert [(each["name"], each["publish"]) for each in listed] == [("utils", True)]
    path = "/namespaces/whisk.system/actions/utils/echo"
    assert guest.post(f"{path}?blocking=true&result=true", json={"a": 1}).json() == {
        "shared": True,
        "a": 1,
    }
    assert refusal(guest.delete(path), 403)
    system.put("/namespaces/_/packages/private", json={})
    assert refusal(guest.get("/namespaces/whisk.system/packages/private"), 403)

    binding = {"namespace": "whisk.system", "name": "utils"}
    parameters = [{"key": "bound", "value": "here"}]
    body = {"binding": binding, "parameters": parameters}
    made = guest.put("/namespaces/_/packages/mine", json=body).json()
    assert made["binding"] == binding
    assert {"key": "binding", "value": binding} in made["annotations"]
    assert call(guest, "mine/echo").json() == {"shared": True, "bound": "here"}
    shown = guest.get("/namespaces/_/packages/mine").json()
    assert shown["parameters"] == [{"key": "shared", "value": True}, *parameters]
    assert shown["annotations"] == [{"key": "binding", "value": binding}], "only its own"
    code = {"exec": {"kind": "nodejs:14", "code": ECHO}}
    assert "binding" in refusal(guest.put("/namespaces/_/actions/mine/x", json=code), 400)
    none = {"binding": {"namespace": "whisk.system", "name": "none"}}
    assert "does not exist" in refusal(guest.put("/namespaces/_/packages/no", json=none), 400)


def activations(client: httpx.Client, name: str) -> list[dict[str, Any]] | None:
    found = client.get("/namespaces/_/activations", params={"name": name, "docs": "true"})
    return found.json() or None


def test_triggers_and_rules(guest: httpx.Client) -> None:
    put(guest, "on-event", ECHO)
    trigger, rule = "/namespaces/_/triggers/event", "/namespaces/_/rules/on-it"
    guest.put(trigger, json={"parameters": [{"key": "from", "value": "trigger"}]})
    assert guest.post(trigger, json={}).status_code == 204, "no rule of it is active"
    body = {"trigger": "/_/event", "action": "/guest/on-event"}
    made = guest.put(rule, json=body).json()
    assert made["status"] == "active"
    assert made["trigger"] == {"path": "guest", "name": "event"}
    assert made["action"] == {"path": "guest", "name": "on-event"}
    fired = guest.post(trigger, json={"n": 1})
    assert fired.status_code == 202
    (record,) = eventually(lambda: activations(guest, "on-event"))
    assert record["response"]["result"] == {"from": "trigger", "n": 1}
    path = f"/namespaces/_/activations/{fired.json()['activationId']}"
    told = eventually(lambda: found.json() if (found := guest.get(path)).is_success else None)
    assert json.loads(told["logs"][0])["activationId"] == record["activationId"]
    assert "end" not in told

    for _ in range(2):  # in either case no JSON
        answer = guest.post(rule, json={"status": "inactive"})
        assert (answer.status_code, answer.text) == (200, "OK")
        assert answer.headers["content-type"] == "text/plain; charset=UTF-8"
    assert guest.get(rule).json()["status"] == "inactive"
    assert guest.post(trigger, json={}).status_code == 204
    assert refusal(guest.post(rule, json={"status": "perhaps"}), 400)
    assert guest.post(rule, json={"status": "active"}).status_code == 200
    listed = guest.get("/namespaces/_/rules").json()
    assert [(each["name"], each["status"]) for each in listed] == [("on-it", "active")]
    assert guest.get(trigger).json()["rules"].keys() == {"guest/on-it"}
    assert guest.delete(rule).json()["status"] == "inactive"
    assert guest.get(trigger).json()["rules"] == {}
    assert [each["name"] for each in guest.get("/namespaces/_/triggers").json()] == ["event"]
    assert guest.delete(trigger).status_code == 200
    missing = {"trigger": "/_/event", "action": "/guest/on-event"}
    assert "does not exist" in refusal(guest.put(rule, json=missing), 400)


def test_sequences(guest: httpx.Client) -> None:
    put(guest, "add", "function main(a) { return {n: (a.n || 0) + 1} }")
    put(guest, "double", "def main(a):\n    return {'n': a['n'] * 2}\n", "python:3")
    components = ["/_/add", "/guest/double", "/_/add"]
    body: dict[str, Any] = {"exec": {"kind": "sequence", "components": components}}
    made = guest.put("/namespaces/_/actions/both", json=body).json()
    assert made["exec"]["components"] == ["/guest/add", "/guest/double", "/guest/add"]
    path = "/namespaces/_/actions/both"
    told = {"key": "_actions", "value": made["exec"]["components"]}
    body["parameters"] = [{"key": "n", "value": 7}]
    changed = guest.put(f"{path}?overwrite=true", json=body).json()
    assert made["parameters"] == changed["parameters"] == [told]
    record = call(guest, "both", query="?blocking=true", n=1).json()
    assert record["response"]["result"] == {"n": 5}
    assert len(record["logs"]) == 3
    path = f"/namespaces/_/activations/{record['logs'][1]}"
    part = eventually(lambda: found.json() if (found := guest.get(path)).is_success else None)
    assert (part["cause"], part["response"]["result"]) == (record["activationId"], {"n": 4})
    itself = {"exec": {"kind": "sequence", "components": ["/_/both"]}}
    again = guest.put("/namespaces/_/actions/both?overwrite=true", json=itself)
    assert "refer to itself" in refusal(again, 400)
    assert put(guest, "both", ECHO)["parameters"] == []
    assert call(guest, "both").json() == {}
    none = {"exec": {"kind": "sequence", "components": ["/_/none"]}}
    missing = guest.put("/namespaces/_/actions/other", json=none)
    assert refusal(missing, 400) == "Sequence component does not exist."
