"""Web actions by their URLs."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import pytest

from tests.contract.openwhisk.rig import put, record
from tests.contract.openwhisk.test_actions import refusal

# What every user tries: the arguments as the body.
HELLO_PY = """
def main(args):
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": args}
"""
WEB = "/web/guest/default"


def web(client: httpx.Client, name: str, code: str, kind: str = "nodejs:14", **more: Any) -> None:
    told = {"web-export": True, **more}
    annotations = [{"key": key, "value": value} for key, value in told.items()]
    put(client, name, code, kind, annotations=annotations)


def returning(value: str) -> str:
    return f"function main(args) {{ return {value} }}"


@pytest.mark.parametrize("extension", ["", ".http"])
def test_hello_by_url(guest: httpx.Client, nobody: httpx.Client, extension: str) -> None:
    web(guest, "url", HELLO_PY, "python:default")
    answer = nobody.get(f"{WEB}/url{extension}/some/path?name=Python&name=Python")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.headers["access-control-allow-origin"] == "*"
    assert len(answer.headers["x-openwhisk-activation-id"]) == 32
    found = answer.json()
    assert found["name"] == "Python"
    assert found["__ow_method"] == "get"
    assert found["__ow_path"] == "/some/path"
    assert found["__ow_headers"]["user-agent"].startswith("python-httpx")


def test_json_is_the_whole_result(guest: httpx.Client, nobody: httpx.Client) -> None:
    web(guest, "url", HELLO_PY, "python:default")
    found = nobody.get(f"{WEB}/url.json?name=Python").json()
    assert found["statusCode"] == 200
    assert found["body"]["name"] == "Python"


def test_bodies(guest: httpx.Client, nobody: httpx.Client) -> None:
    web(guest, "body", HELLO_PY, "python:default")

    def sent(**more: Any) -> Any:
        return nobody.post(f"{WEB}/body?q=1", **more).json()

    assert sent(json={"a": 1})["a"] == 1
    assert sent(json={"q": 2})["q"] == 2, "the body wins over the query"
    assert sent(data={"form": "ü"})["form"] == "ü"
    assert sent(json=[1])["__ow_body"] == [1]
    text = {"Content-Type": "text/plain"}
    assert sent(content=b"text", headers=text)["__ow_body"] == "text"
    raw = base64.b64encode(b"\x00\xff").decode()
    octets = {"Content-Type": "application/octet-stream"}
    assert sent(content=b"\x00\xff", headers=octets)["__ow_body"] == raw
    assert "not allowed" in refusal(nobody.get(f"{WEB}/body?__ow_method=x"), 400)


@pytest.mark.parametrize(
    ("value", "extension", "status", "kind", "body"),
    [
        ("{body: '<p>'}", "", 200, "text/html", "<p>"),
        ("{body: '<p>'}", ".html", 200, "text/html", "<p>"),
        ("{html: '<p>'}", ".html", 200, "text/html", "<p>"),
        ("{body: 'x'}", ".text", 200, "text/plain", "x"),
        ("{text: 1}", ".text", 200, "text/plain", "1"),
        ("{statusCode: 201, body: {a: 1}}", "", 201, "application/json", '{\n  "a": 1\n}'),
        ("{}", "", 204, "", ""),
        ("{statusCode: 302, headers: {location: '/x'}}", "", 302, "", ""),
        ("{error: {statusCode: 418, body: 'tea'}}", "", 418, "text/html", "tea"),
        ("{headers: {'Content-Type': 'image/png'}, body: 'AAAA'}", "", 200, "image/png", "\0\0\0"),
    ],
)
def test_media(
    guest: httpx.Client,
    nobody: httpx.Client,
    value: str,
    extension: str,
    status: int,
    kind: str,
    body: str,
) -> None:
    web(guest, "media", returning(value))
    answer = nobody.get(f"{WEB}/media{extension}")
    assert answer.status_code == status
    assert answer.headers.get("content-type", "").startswith(kind)
    assert answer.text == body
    if status == 302:
        assert answer.headers["location"] == "/x"


def test_results_that_are_no_responses(guest: httpx.Client, nobody: httpx.Client) -> None:
    web(guest, "media", returning("{statusCode: 'many'}"))
    assert "message/http" in refusal(nobody.get(f"{WEB}/media"), 400)
    web(guest, "media", returning("{html: 1}"))
    assert "text/html" in refusal(nobody.get(f"{WEB}/media.html"), 400)
    assert refusal(nobody.get(f"{WEB}/media.text"), 404)
    web(guest, "media", "function main() { throw 1 }")
    failed = nobody.get(f"{WEB}/media")
    assert "error processing your request" in refusal(failed, 400)
    assert record(guest, failed.headers["x-openwhisk-activation-id"])["name"] == "media"


def test_what_is_no_web_action(guest: httpx.Client, nobody: httpx.Client) -> None:
    put(guest, "no-web", HELLO_PY, "python:3")
    assert refusal(nobody.get(f"{WEB}/no-web"), 404)
    assert refusal(nobody.get(f"{WEB}/nothing"), 404)
    assert refusal(nobody.get("/web/strangers/default/no-web"), 404)
    assert refusal(nobody.get("/web/guest/default"), 404)


def test_web_actions_in_packages(guest: httpx.Client, nobody: httpx.Client) -> None:
    guest.put("/namespaces/_/packages/site", json={"parameters": [{"key": "p", "value": "q"}]})
    web(guest, "site/page", HELLO_PY, "python:3")
    assert nobody.get("/web/guest/site/page").json()["p"] == "q"


def test_keys_of_web_actions(guest: httpx.Client, nobody: httpx.Client) -> None:
    web(guest, "guarded", HELLO_PY, "python:3", **{"require-whisk-auth": "word"})
    assert refusal(nobody.get(f"{WEB}/guarded"), 401)
    sent = {"X-Require-Whisk-Auth": "word"}
    assert nobody.get(f"{WEB}/guarded", headers=sent).status_code == 200
    web(guest, "guarded", HELLO_PY, "python:3", **{"require-whisk-auth": True})
    assert refusal(nobody.get(f"{WEB}/guarded"), 401)
    assert guest.get(f"{WEB}/guarded").json()["__ow_user"] == "guest"


def test_raw_http(guest: httpx.Client, nobody: httpx.Client) -> None:
    web(guest, "raw", HELLO_PY, "python:3", **{"raw-http": True})
    found = nobody.post(f"{WEB}/raw?a=1&b=%20", json={"c": 3}).json()
    assert found["__ow_query"] == "a=1&b=%20"
    assert base64.b64decode(found["__ow_body"]) == b'{"c":3}'
    assert "c" not in found


def test_options(guest: httpx.Client, nobody: httpx.Client) -> None:
    web(guest, "url", HELLO_PY, "python:default")
    answer = nobody.options(f"{WEB}/url", headers={"Access-Control-Request-Headers": "X-Mine"})
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["access-control-allow-headers"] == "X-Mine"
    web(guest, "own-options", HELLO_PY, "python:3", **{"web-custom-options": True})
    answer = nobody.options(f"{WEB}/own-options")
    assert answer.json()["__ow_method"] == "options"
    assert "access-control-allow-origin" not in answer.headers
