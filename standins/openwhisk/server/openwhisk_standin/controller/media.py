"""What a web action's result becomes as an HTTP response, by the extension of its name."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Callable
from http import HTTPStatus

from openwhisk_standin.controller.execs import is_binary
from openwhisk_standin.controller.refusals import bad, missing
from openwhisk_standin.values import Doc, Value
from openwhisk_standin.web import JSON, Response

_TYPE = re.compile(r"[\w.+-]+/[\w.+-]+\s*(;.*)?")
_TEXTS = ("text/", "application/javascript", "application/xml", "image/svg+xml")


def extension(name: str) -> tuple[str, str]:
    """Split a name into the action's and its extension; `.http` where it has none that is known."""
    for known in _FORMS:
        if name.endswith(known):
            return name.removesuffix(known), known
    return name, ".http"


def response(kind: str, result: Value) -> Response:
    """Return a result as the extension asks for.

    Raises:
        Refusal: the result does not fit it.
    """
    return _FORMS[kind](result)


def _http(result: Value) -> Response:
    try:
        headers = _headers(result.get("headers") or {})
        body = result.get("body")
        usual = HTTPStatus.NO_CONTENT if body in (None, "") else HTTPStatus.OK
        code = _status(result.get("statusCode", usual))
    except (AttributeError, TypeError, ValueError) as error:
        raise bad("Response is not valid 'message/http'.") from error
    given = next((value for name, value in headers if name.lower() == "content-type"), None)
    others = [(name, value) for name, value in headers if name.lower() != "content-type"]
    if given is not None and not _TYPE.fullmatch(given):
        raise bad("Response did not specify a known content-type.")
    if body in (None, ""):
        return Response(code, headers=others)
    if isinstance(body, str):
        media = given or "text/html; charset=UTF-8"
        return Response(code, _decoded(body, media), media, others)
    if given and not _is_json(given):
        raise bad("Response type in header did not match generated content type.")
    return Response(code, _json(body), given or JSON, others)


def _status(found: Value) -> int:
    code = int(found)
    if not 100 <= code <= 999:  # noqa: PLR2004 - what HTTP has room for
        raise ValueError(code)
    return code


def _headers(found: Doc) -> list[tuple[str, str]]:
    headers = []
    for name, value in found.items():
        for each in value if isinstance(value, list) else [value]:
            if not isinstance(each, str | bool | int | float):
                raise TypeError(name)
            text = str(each).lower() if isinstance(each, bool) else str(each)
            headers.append((name, text.replace("\r", "").replace("\n", "")))
    return headers


def _decoded(body: str, media: str) -> bytes:
    if media.startswith(_TEXTS) or (_is_json(media) and not is_binary(body)):
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise bad("Response type in header did not match generated content type.") from error


def _is_json(media: str) -> bool:
    kind = media.partition(";")[0].strip()
    return kind == JSON or kind.endswith("+json")


def _json(value: Value) -> bytes:
    return json.dumps(value, indent=2, ensure_ascii=False).encode()


def _of_json(result: Value) -> Response:
    if not isinstance(result, dict | list):
        raise bad(f"Response is not valid '{JSON}'.")
    return Response(body=_json(result))


def _markup(name: str, media: str) -> Callable[[Value], Response]:
    def form(result: Value) -> Response:
        found = result
        if isinstance(result, dict):
            found = result.get("body", result.get(name))
        if not isinstance(found, str):
            raise bad(f"Response is not valid '{media.partition(';')[0]}'.")
        return Response(body=found.encode(), content_type=media)

    return form


def _of_text(result: Value) -> Response:
    found = result
    if isinstance(result, dict):
        if not {"body", "text"} & result.keys():
            raise missing("Response does not include requested property.")
        found = result.get("body", result.get("text"))
    text = found if isinstance(found, str) else _json(found).decode()
    return Response(body=text.encode(), content_type="text/plain; charset=UTF-8")


_FORMS: dict[str, Callable[[Value], Response]] = {
    ".http": _http,
    ".json": _of_json,
    ".html": _markup("html", "text/html; charset=UTF-8"),
    ".svg": _markup("svg", "image/svg+xml"),
    ".text": _of_text,
}
