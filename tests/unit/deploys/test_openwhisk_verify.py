"""What verify expects of OpenWhisk, and how it says that it was something else."""

from __future__ import annotations

import io
import json
import subprocess
import tarfile
import time
from pathlib import Path
from typing import Any

import pytest

from deploys.openwhisk import cli, functions
from deploys.openwhisk.answers import ActionFailed, NotEnded, Throttled
from deploys.openwhisk.api import RESULT_WITHIN
from deploys.openwhisk.settings import OpenWhiskSettings
from deploys.openwhisk.verify import (
    ACTIVATION,
    Trial,
    expected_packages,
    first_answer,
    init_ms,
    is_stale,
    latencies,
    require_ran,
    what_answers,
)
from tests.unit.deploys.openwhisk_server import Platform, serving
from whisklab.engine.kubernetes import kube
from whisklab.engine.ssh.http import Answer
from whisklab.errors import WhisklabError

BARE = OpenWhiskSettings(alarms=False, kafka_provider=False)
HOST: Any = None  # these checks do not look at it
JSON = {"content-type": "application/json"}
BODY = {"__ow_method": "get", "__ow_headers": {}, "__ow_path": "", "name": "Python"}


def test_greetings() -> None:
    functions.greets({"payload": "Hello, World!"}, "World")
    with pytest.raises(WhisklabError, match='hello.js answers {"payload": "Hello!"}, expected'):
        functions.greets({"payload": "Hello!"}, "World")


def test_the_echo() -> None:
    functions.echoes(
        Answer(200, {"content-type": "application/json; charset=UTF-8"}, json.dumps(BODY))
    )


@pytest.mark.parametrize(
    ("answer", "sentence"),
    [
        (Answer(404, JSON, '{"error": "no"}'), "answers 404, application/json"),
        (Answer(200, {}, json.dumps(BODY)), "answers 200, none"),
        (Answer(200, {"content-type": "text/html"}, "x"), "answers 200, text/html: x"),
        (Answer(200, JSON, "[1]"), "answers no JSON object: "),
        (Answer(200, JSON, "x"), "answers no JSON object: x"),
        (Answer(200, JSON, json.dumps({**BODY, "name": "x"})), 'answers name x, expected "Python"'),
        (Answer(200, JSON, '{"name": "Python"}'), 'answers __ow_method null, expected "get"'),
    ],
)
def test_another_echo(answer: Answer, sentence: str) -> None:
    with pytest.raises(WhisklabError, match="the URL of hello.py") as raised:
        functions.echoes(answer)
    assert sentence in str(raised.value)


def test_too_many_calls_of_a_url() -> None:
    with pytest.raises(Throttled, match="too many calls"):
        functions.echoes(Answer(429, JSON, "{}"))


def test_a_kind_that_is_not_there_is_told() -> None:
    kinds = {name: each for name, each in OpenWhiskSettings().runtimes.items() if name != "python"}
    functions.JAVASCRIPT.require_kind(OpenWhiskSettings(runtimes=kinds, kafka_provider=False))
    with pytest.raises(WhisklabError, match="openwhisk_runtimes has no python, which hello.py"):
        functions.PYTHON.require_kind(OpenWhiskSettings(runtimes=kinds, kafka_provider=False))


def test_the_functions_are_actions() -> None:
    action = functions.PYTHON.action(web=True)
    assert action["exec"]["kind"] == "python:default"
    assert "def main(" in action["exec"]["code"]
    assert {"key": "web-export", "value": True} in action["annotations"]
    assert functions.JAVASCRIPT.action(web=False)["exec"]["kind"] == "nodejs:default"


def test_hello_js_runs_in_a_real_node() -> None:
    calls = "[main({}), main({name: 'JavaScript'})]"
    program = f"{functions.JAVASCRIPT.code()}\nconsole.log(JSON.stringify({calls}))"
    done = subprocess.run(["node", "-e", program], capture_output=True, text=True, check=True)
    first, second = json.loads(done.stdout)
    functions.greets(first, "World")
    functions.greets(second, "JavaScript")


def test_hello_py_answers_its_arguments() -> None:
    space: dict[str, Any] = {}
    exec(compile(functions.PYTHON.code(), "hello.py", "exec"), space)  # noqa: S102  ours
    found = space["main"](BODY)
    headers = {name.lower(): value for name, value in found["headers"].items()}
    functions.echoes(Answer(found["statusCode"], headers, json.dumps(found["body"])))


@pytest.mark.parametrize(
    ("alarms", "kafka", "number"), [(True, True, 7), (True, False, 6), (False, False, 5)]
)
def test_packages(alarms: bool, kafka: bool, number: int) -> None:
    settings = OpenWhiskSettings(alarms=alarms, kafka_provider=kafka)
    found = expected_packages(settings)
    assert len(found) == number
    assert ("alarms" in found, "messaging" in found) == (alarms, kafka)


def test_the_packages_that_lack_are_named() -> None:
    shared = [{"name": name} for name in ("github", "samples", "slack", "utils")]
    with serving(Platform()) as platform:
        path = "/namespaces/whisk.system/packages"
        platform.faults["GET", path] = [(200, shared), (200, [*shared, {"name": "websocket"}])]
        trial = Trial(BARE, kube.Endpoint("", 0), platform.client())
        with pytest.raises(WhisklabError, match=r"^/whisk.system lacks websocket: see the log of"):
            trial.packages(HOST)
        assert trial.packages(HOST).startswith("5 in /whisk.system: github, samples")


def test_what_a_killed_verify_left_is_deleted_and_nothing_else() -> None:
    names = ("whisklab-verify-1", "whisklab-verify-2", "mine")
    now = int(time.time() * 1000)
    actions = {name: {"name": name, "updated": 0} for name in names}
    actions["whisklab-verify-2"]["updated"] = now  # of one that is at work
    with serving(Platform(kept={"actions": actions})) as platform:
        trial = Trial(BARE, kube.Endpoint("", 0), platform.client())
        assert trial.cleaned(HOST) == "deleted whisklab-verify-1"
        assert set(actions) == {"whisklab-verify-2", "mine"}
        assert trial.cleaned(HOST) == "nothing is left"


def test_a_function_is_deleted_when_it_fails_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda _: "1")
    event = {"involvedObject": {"name": "wsk0-1-guest-whisklabverify1"}, "message": "no image"}
    monkeypatch.setattr(kube, "request", lambda *_: {"items": [event]})
    record = {"response": {"success": True, "result": {"payload": "Hi!"}}}
    with serving(Platform()) as platform:
        platform.faults["POST", "/namespaces/_/actions/whisklab-verify-1"] = [(200, record)]
        trial = Trial(BARE, kube.Endpoint("", 0), platform.client())
        told = r'hello.js answers {"payload": "Hi!"}.*; its pod wsk0-1-guest-.*: no image'
        with pytest.raises(WhisklabError, match=told):
            trial.by_rest(HOST)
        assert platform.kept["actions"] == {}
        assert platform.requests[-1][0] == "DELETE"


def test_the_standin_is_named() -> None:
    assert what_answers({"description": "OpenWhisk API"}) == "OpenWhisk"
    said = what_answers({"description": "OpenWhisk API (whisklab stand-in, not the real)"})
    assert said == "the stand-in, not OpenWhisk itself"


def test_what_a_killed_verify_left_is_known_by_its_name_and_age() -> None:
    mine, hour = {"name": "whisklab-verify-1", "updated": 1_000_000}, 3600
    assert is_stale(mine, 1000 + hour + 1)
    assert not is_stale(mine, 1000 + hour - 1)
    assert not is_stale({"name": "whisklab-verify-1"}, 1e9)
    assert not is_stale({"name": "hello", "updated": 0}, 1e9)


def test_latencies() -> None:
    record = {"annotations": [{"key": "initTime", "value": 41}, {"key": "kind", "value": "x"}]}
    seen = latencies(812.34, init_ms(record), 13.6)
    assert seen.detail == "cold 812 ms (of which init 41), warm 14 ms"
    assert seen.measured == {"cold_ms": 812.3, "warm_ms": 13.6, "init_ms": 41}
    assert "init" not in latencies(5, init_ms({}), 4).detail


def test_what_wsk_prints() -> None:
    text = '{\n    "payload": "Hello, World!"\n}\n{\n    "payload": "Hello, JavaScript!"\n}\n'
    first, second = cli.documents(text)
    functions.greets(first, "World")
    functions.greets(second, "JavaScript")
    for wrong in ("", "{}", "{} x", "{} {} {}"):
        with pytest.raises(WhisklabError, match="wsk printed no two results"):
            cli.documents(wrong)


def test_what_wsk_reads_is_for_root_alone(tmp_path: Path) -> None:
    with tarfile.open(fileobj=io.BytesIO(cli.bundle({"wskprops": "AUTH=x\n"}))) as archive:
        entry = archive.getmember("wskprops")
        assert (entry.mode, entry.size) == (0o600, 7)


UNABLE = (
    "Unable to invoke action 'hello': The connection failed, or timed out. (HTTP status code 500)"
)


@pytest.mark.parametrize(
    ("code", "err", "kind", "sentence"),
    [  # as the real wsk prints them
        (246, '{\n    "error": "An error has occurred: Error: x"\n}\n', ActionFailed,
         "wsk on master: the action ended with an error: An error has occurred: Error: x"),
        (244, f"error: {UNABLE}\nRun 'wsk --help' for usage.\n", WhisklabError,
         f"wsk on master: {UNABLE}"),
        (173, "error: too many\n", Throttled, "wsk on master: too many"),
        (3, "", WhisklabError, "wsk on master: exit code 3"),
    ],
)  # fmt: skip
def test_why_wsk_failed(code: int, err: str, kind: type[WhisklabError], sentence: str) -> None:
    found = cli._failure("master", code, err)
    assert (type(found), str(found)) == (kind, sentence)


def test_a_url_whose_action_failed_is_told_by_its_record() -> None:
    response = {"result": {"error": "no image"}, "status": "whisk internal error"}
    records = {
        "a1": {"name": "a1", "response": {**response, "success": False}},
        "a2": {"name": "a2", "response": {"status": "success", "success": True}},
    }
    refused = {"code": "x", "error": "There was an error processing your request."}
    with serving(Platform(kept={"activations": records})) as platform:
        client = platform.client()
        for status, identity in ((200, "a1"), (400, "a2"), (400, "")):  # its own 400, or no call
            require_ran(client, Answer(status, {ACTIVATION: identity}, json.dumps(refused)))
        failed = Answer(400, {ACTIVATION: "a1"}, json.dumps(refused))
        with pytest.raises(ActionFailed, match="a1 ended with whisk internal error: no image"):
            require_ran(client, failed)


def test_a_url_whose_call_has_no_record_in_time_is_told_as_it_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def has_none(*_: Any) -> Any:
        raise NotEnded("the call a9 has not ended")

    refused = Answer(400, {ACTIVATION: "a9"}, '{"error": "There was an error."}')
    told = r"URL answers 400, There was an error; .* call a9 after"
    with serving(Platform()) as platform:
        client = platform.client()
        monkeypatch.setattr(client, "activation", has_none)
        with pytest.raises(ActionFailed, match=told):
            require_ran(client, refused)


def test_a_first_call_that_a_url_does_not_wait_for_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    answers = [Answer(202, {ACTIVATION: "a7"}, "{}"), Answer(200, JSON, json.dumps(BODY))]
    waited: list[object] = []
    with serving(Platform()) as platform:
        client = platform.client()
        monkeypatch.setattr(client, "web", lambda *_, **__: answers.pop(0))
        monkeypatch.setattr(client, "activation", lambda *how: waited.append(how))
        answer, cold = first_answer(client, "guest", "a")
    assert (answer.status, waited) == (200, [("a7", RESULT_WITHIN)])
    assert cold > 0
    assert answers == []


@pytest.mark.parametrize(
    ("codes", "last"), [("202 200", "200"), ("202 202 202", "202"), ("502", "502")]
)
def test_wsks_url_is_asked_again_while_the_first_call_goes_on(
    tmp_path: Path, codes: str, last: str
) -> None:
    """With programs of the same names that print the codes, one for each call."""
    (tmp_path / "codes").write_text("\n".join(codes.split()) + "\n")
    curl = tmp_path / "curl"
    curl.write_text(
        f"#!/bin/sh\ncd {tmp_path}; echo x >> calls; code=$(sed -n 1p codes); sed -i 1d codes\n"
        "printf '{\"a\": 1}\\n%s application/json' $code\n"
    )
    curl.chmod(0o755)
    script = "run() { echo ok: got action; echo https://x.test/web; }\naction=a\n" + cli._CALL
    done = subprocess.run(
        ["sh", "-c", script], capture_output=True, text=True, check=True,
        env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
    )  # fmt: skip
    assert done.stdout == f'{{"a": 1}}\n{last} application/json'
    assert (tmp_path / "calls").read_text() == "x\n" * len(codes.split())
