"""Web actions: called by URL, by anyone unless they say otherwise."""

from __future__ import annotations

import base64
import hmac
import json
from http import HTTPStatus
from urllib.parse import parse_qsl

from openwhisk_standin import codes
from openwhisk_standin.controller import media
from openwhisk_standin.controller.actions import Actions, invocable
from openwhisk_standin.controller.entities import as_object
from openwhisk_standin.controller.invoking import LONGEST_WAIT, Invocations, Outcome
from openwhisk_standin.controller.refusals import Refusal, bad, malformed, missing, refused
from openwhisk_standin.controller.subjects import Subjects, User
from openwhisk_standin.values import Doc, Value
from openwhisk_standin.web import JSON, Request, Response

_RESERVED = frozenset(
    f"__ow_{name}" for name in ("method", "headers", "path", "user", "query", "body")
)
_CORS = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "OPTIONS, GET, DELETE, POST, PUT, HEAD, PATCH"),
]
_TEXTUAL = ("text/", "application/xml", "application/javascript")


class WebActions:
    """What answers below /api/v1/web."""

    def __init__(self, actions: Actions, subjects: Subjects, invocations: Invocations) -> None:
        """Take what it works with."""
        self._actions = actions
        self._subjects = subjects
        self._invocations = invocations

    def answer(self, request: Request, parts: list[str]) -> Response:
        """Answer a request for NAMESPACE/PACKAGE/NAME[.EXTENSION][/PATH].

        Raises:
            Refusal: there is no such web action, or it may not be called so.
        """
        if len(parts) < 3:  # noqa: PLR2004 - as the docstring says
            raise missing()
        namespace, package, last, *rest = parts
        name, kind = media.extension(last)
        owner = self._subjects.of_namespace(namespace)
        place = namespace if package == "default" else f"{namespace}/{package}"
        action = self._actions.resolved(f"{place}/{name}")
        told = as_object(action["annotations"])
        if not told.get("web-export"):
            raise missing()
        cors = [] if told.get("web-custom-options") else _cors(request)
        if request.method == "OPTIONS" and cors:
            return Response(HTTPStatus.OK, headers=cors)
        user = self._user(request)
        if request.method != "OPTIONS":
            _confirm(told.get("require-whisk-auth"), request, user)
        self._invocations.throttle(owner)
        arguments = _arguments(request, "/".join(["", *rest]), user, raw=bool(told.get("raw-http")))
        outcome = self._invocations.invoke(
            owner, action, _merged(action, arguments, raw=bool(told.get("raw-http"))), LONGEST_WAIT
        )
        response = _response(outcome, kind)
        response.headers.extend([*cors, ("X-Openwhisk-Activation-Id", outcome.activation)])
        return response

    def _user(self, request: Request) -> User | None:
        header = request.headers.get("authorization")
        return self._subjects.authenticated(header) if header else None


def _merged(action: Doc, arguments: Doc, *, raw: bool) -> Doc:
    own = {key: value for key, value in arguments.items() if key in _RESERVED}
    given = {key: value for key, value in arguments.items() if key not in _RESERVED}
    return {**invocable(action, {} if raw else given), **own}


def _cors(request: Request) -> list[tuple[str, str]]:
    asked = request.headers.get("access-control-request-headers")
    return [*_CORS, ("Access-Control-Allow-Headers", asked or "Authorization, Content-Type")]


def _confirm(wanted: Value, request: Request, user: User | None) -> None:
    if wanted is None or wanted is False:
        return
    allowed = False
    if wanted is True:
        allowed = user is not None
    elif isinstance(wanted, str | int):
        sent = request.headers.get("x-require-whisk-auth", "")
        allowed = hmac.compare_digest(sent.encode(), str(wanted).encode())
    if not allowed:
        text = "The resource requires authentication, which was not supplied with the request"
        raise Refusal(HTTPStatus.UNAUTHORIZED, text)


def _arguments(request: Request, path: str, user: User | None, *, raw: bool) -> Doc:
    body = _body(request, raw=raw)
    given: Doc = {}
    if raw:
        given = {"__ow_query": request.raw_query, "__ow_body": "" if body is None else body}
    else:
        fields = body if isinstance(body, dict) else {}
        if (request.query.keys() | fields.keys()) & _RESERVED:
            text = "Request defines parameters that are not allowed (e.g., reserved properties)."
            raise bad(text)
        given = {**request.query, **fields}
        if body is not None and not isinstance(body, dict):
            given["__ow_body"] = body
    own: Doc = {
        "__ow_method": request.method.lower(),
        "__ow_headers": dict(request.headers),
        "__ow_path": path,
    }
    return {**given, **own, **({"__ow_user": user.namespace} if user else {})}


def _body(request: Request, *, raw: bool) -> Value:
    if not request.body:
        return None
    kind = request.headers.get("content-type", "application/octet-stream").partition(";")[0]
    if not raw and (kind == JSON or kind.endswith("+json")):
        try:
            return json.loads(request.body)
        except ValueError as error:
            raise malformed(str(error)) from error
    if not raw and kind == "application/x-www-form-urlencoded":
        return dict(parse_qsl(request.body.decode(), keep_blank_values=True))
    if kind.startswith(_TEXTUAL):
        return request.body.decode(errors="replace")
    return base64.b64encode(request.body).decode()


def _response(outcome: Outcome, kind: str) -> Response:
    record = outcome.record
    if record is None:
        return refused(HTTPStatus.ACCEPTED, "Response not yet ready.")
    code = record["response"]["statusCode"]
    result = record["response"].get("result")
    if code not in (codes.SUCCESS, codes.APPLICATION_ERROR):
        return refused(HTTPStatus.BAD_REQUEST, "There was an error processing your request.")
    if code == codes.APPLICATION_ERROR:
        # An error of the function's own says in its `error` what the response is to be.
        result = result.get("error")
    return media.response(kind, result)
