"""OpenWhisk's REST API as we call it: what it answers, and what it refuses."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from deploys.openwhisk.answers import ActionFailed, NotReady, Refused, Throttled, Unauthorized
from deploys.openwhisk.pace import Pace
from tests.unit.deploys.openwhisk_server import Plain, Platform, serving
from whisklab.engine.ssh.http import Unreachable
from whisklab.errors import WhisklabError

HELLO = "/namespaces/_/actions/hello"
RECORD = {"activationId": "a1", "name": "hello", "response": {"success": True, "result": {"a": 1}}}
FAILED = {
    "activationId": "a1", "name": "hello",
    "response": {"success": False, "status": "application error", "result": {"error": "no luck."}},
}  # fmt: skip
NOT_STARTED = {  # recorded of the real controller
    "activationId": "0123456789abcdef0123456789abcdef",
    "name": "hello",
    "response": {
        "result": {"error": "Failed to provision resources to run the action."},
        "status": "whisk internal error",
        "success": False,
    },
}


@pytest.fixture
def platform() -> Iterator[Platform]:
    with serving(Platform()) as found:
        yield found


def test_entities(platform: Platform) -> None:
    client = platform.client()
    assert client.namespace() == "guest"
    assert client.get("actions", "hello") is None
    client.put("actions", "hello", {"exec": {"kind": "k"}}, overwrite=False)
    with pytest.raises(Refused, match="^resource already exists$") as raised:
        client.put("actions", "hello", {"exec": {"kind": "k"}}, overwrite=False)
    assert raised.value.status == 409
    client.put("actions", "hello", {"exec": {"kind": "other"}}, overwrite=True)
    found = client.get("actions", "hello")
    assert found is not None
    assert found["exec"] == {"kind": "other"}
    assert client.delete("actions", "hello")
    assert not client.delete("actions", "hello")


def test_a_success_in_plain_text_names_no_entity(platform: Platform) -> None:
    client, path = platform.client(), "/namespaces/_/rules/r"
    platform.faults["POST", path] = [(200, Plain("OK")), (200, "<html>welcome</html>")]
    assert client.ask("POST", path, {"status": "inactive"}) is None
    with pytest.raises(NotReady, match="something else than JSON"):
        client.ask("POST", path, {"status": "inactive"})
    platform.faults["GET", path] = [(200, Plain("OK"))]
    with pytest.raises(NotReady, match="something else than JSON"):
        client.get("rules", "r")


def test_lists_of_several_pages(platform: Platform) -> None:
    names = [f"t{number:03}" for number in range(450)]
    platform.kept["triggers"] = {name: {"name": name} for name in names}
    assert [each["name"] for each in platform.client().listed("triggers")] == names
    assert len(platform.requests) == 3
    platform.kept["triggers"] = {name: {"name": name} for name in names[:200]}
    assert len(platform.client().listed("triggers")) == 200


def test_a_call_returns_its_record(platform: Platform) -> None:
    platform.faults["POST", HELLO] = [(200, RECORD)]
    assert platform.client().invoke("hello", {"x": 1}) == RECORD
    assert platform.requests == [("POST", f"{HELLO}?blocking=true")]


def test_a_call_that_takes_longer_is_asked_for_again(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploys.openwhisk.api.POLL", 0.01)
    platform.faults["POST", HELLO] = [(202, {"activationId": "a1"})]
    missing = (404, {"error": "The requested resource does not exist."})
    platform.faults["GET", "/namespaces/_/activations/a1"] = [missing, missing, (200, RECORD)]
    assert platform.client().invoke("hello", {}) == RECORD
    assert len(platform.requests) == 4
    with pytest.raises(WhisklabError, match="the call a2 has not ended after 0 s"):
        platform.client().activation("a2", within=0)


@pytest.mark.parametrize(
    ("status", "body", "kind", "sentence"),
    [
        (400, {"error": "kind 'x' not in Set(nodejs:14)."}, Refused, "kind 'x' not in Set"),
        (401, {"error": "invalid"}, Unauthorized, "does not know the key of a test"),
        (403, {"error": "not authorized"}, Refused, "not authorized"),
        (429, {"error": "Too many requests in the last minute"}, Throttled, "Too many requests"),
        (500, NOT_STARTED, ActionFailed, "with whisk internal error: Failed to provision resource"),
        (500, {"error": "Failed to provision resources"}, Refused, "Failed to provision resources"),
        (502, "<html>Bad Gateway</html>", NotReady, "is not ready"),
        (502, FAILED, ActionFailed, "the action hello ended with application error: no luck$"),
        (502, {"error": "it broke", "code": "x"}, ActionFailed, "it broke"),
        (503, {"error": "overloaded", "code": "x"}, NotReady, "overloaded"),
        (504, "", NotReady, "status 504"),
        (200, "<html>welcome</html>", NotReady, "something else than JSON"),
        (301, "", Refused, "status 301"),
    ],
)
def test_what_it_refuses(
    platform: Platform, status: int, body: Any, kind: type[WhisklabError], sentence: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("deploys.openwhisk.pace.PATIENCE", 0)
    platform.faults["POST", HELLO] = [(status, body)] * 3
    with pytest.raises(kind, match=sentence) as raised:
        platform.client().invoke("hello", {})
    assert "\n" not in str(raised.value)
    assert "secret" not in str(raised.value)


def test_an_action_that_failed_with_status_200(platform: Platform) -> None:
    platform.faults["POST", HELLO] = [(200, FAILED)]
    with pytest.raises(ActionFailed, match="application error: no luck"):
        platform.client().invoke("hello", {})


def test_too_many_calls_are_waited_for(platform: Platform) -> None:
    platform.faults["POST", HELLO] = [(429, {"error": "Too many requests"})] * 2 + [(200, RECORD)]
    assert platform.client().invoke("hello", {}) == RECORD
    platform.faults["GET", "/web/guest/default/hello"] = [(429, {"error": "x"}), (200, {"a": "b"})]
    assert platform.client().web("guest", "hello", name="Python").text == '{"a": "b"}'
    assert platform.requests[-1] == ("GET", "/web/guest/default/hello?name=Python")


def test_waiting_for_a_turn_is_no_part_of_a_call(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    monkeypatch.setattr("deploys.openwhisk.api.time", SimpleNamespace(monotonic=lambda: clock.now))
    client = platform.client()
    client.pace = Pace(1000, now=lambda: clock.now, sleep=clock.sleep)
    platform.faults["POST", HELLO] = [(429, {"error": "x"})] * 9 + [(200, RECORD)]
    client.took_ms = 1
    client.invoke("hello", {})
    assert (client.took_ms, clock.now) == (0, 9)


def test_another_key(platform: Platform) -> None:
    with pytest.raises(Unauthorized, match="the key of a test"):
        platform.client(key="other:key").namespace()


def test_nobody_answers(platform: Platform) -> None:
    client = platform.client()
    platform.url = "http://127.0.0.1:1"
    with pytest.raises(Unreachable, match="^OpenWhisk's API does not answer: "):
        platform.client().namespace()
    assert client.namespace() == "guest"


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


def test_calls_are_kept_below_the_limit_of_a_minute() -> None:
    clock = Clock()
    pace = Pace(3, now=lambda: clock.now, sleep=clock.sleep)
    for _ in range(3):
        pace.wait()
        clock.now += 10
    assert clock.slept == []
    pace.wait()
    assert clock.slept == [30]  # the first call was at 0
    pace.wait()
    assert clock.now == 70


def test_patience_ends() -> None:
    clock = Clock()

    def refuse() -> None:
        raise Throttled("too many")

    with pytest.raises(Throttled):
        Pace(1, now=lambda: clock.now, sleep=clock.sleep).patiently(refuse)
    assert 60 < clock.now < 90
