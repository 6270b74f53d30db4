"""A small REST API in the manner of OpenWhisk's, on loopback, whose faults a test chooses."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import urllib3

from deploys.openwhisk.api import OpenWhisk
from deploys.openwhisk.pace import Pace
from tests.unit.engine.http_server import listening
from whisklab.engine.ssh.http import Server

KEY = "someone:secret"
Reply = tuple[int, Any]  # a status, and JSON or a text
Entity = dict[str, Any]
Pairs = list[dict[str, Any]]


class Plain(str):
    """A text that is answered as text/plain; another one is a page."""

    __slots__ = ()


@dataclass
class Platform:
    """What is kept, and what is answered instead.

    Attributes:
        kept: entities by collection and name, each with what is its own alone; a package's actions
            are `package/name`.
        faults: method and path to answers that come first, in order.
        requests: method, path and query of each, as they came.
    """

    kept: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    faults: dict[tuple[str, str], list[Reply]] = field(default_factory=dict)
    requests: list[tuple[str, str]] = field(default_factory=list)
    namespace: str = "guest"
    url: str = ""

    def client(self, key: str = KEY, per_minute: int = 1000) -> OpenWhisk:
        """Return the client under test."""
        server = Server("OpenWhisk's API", self.url, urllib3.PoolManager(retries=False))
        return OpenWhisk(server, key, "a test", Pace(per_minute, sleep=lambda _: None))

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> Reply:
        """Return what a request is answered."""
        if queued := self.faults.get((method, path)):
            return queued.pop(0)
        if path == "/namespaces":
            return 200, [self.namespace]
        _, _, namespace, collection, *rest = path.split("/", 4)
        there = self.kept.setdefault(collection, {}) if namespace == "_" else {}
        if not rest:
            skip, limit = int(query["skip"]), int(query["limit"])
            return 200, [_summary(each) for each in there.values()][skip : skip + limit]
        return self._entity(method, there, rest[0], query, body)

    def _entity(
        self, method: str, there: dict[str, Any], name: str, query: dict[str, str], body: Any
    ) -> Reply:
        if method == "PUT":
            if name in there and query.get("overwrite") != "true":
                return 409, {"error": "resource already exists", "code": "x"}
            package, _, plain = name.rpartition("/")
            space = f"{self.namespace}/{package}" if package else self.namespace
            if "exec" in body:
                body = _action(body, there.get(name))
            there[name] = {"version": "0.0.1", "updated": 1, "publish": False, "annotations": [],
                           "parameters": [], **body, "name": plain, "namespace": space}  # fmt: skip
            return 200, there[name]
        if name not in there:
            return 404, {"error": "The requested resource does not exist.", "code": "x"}
        if method == "DELETE":
            return 200, there.pop(name)
        if method == "POST":
            there[name].update(body)
            return 200, Plain("OK")
        return 200, self._shown(there[name])

    def _shown(self, found: Entity) -> Entity:
        """Return an entity with the parameters of its package below its own."""
        package = str(found.get("namespace")).partition("/")[2]
        above = package if "exec" in found else str((found.get("binding") or {}).get("name"))
        inherited = self.kept.get("packages", {}).get(above, {}).get("parameters", [])
        if not inherited:
            return found
        return {**found, "parameters": _merged(inherited, found["parameters"])}


def _action(body: Entity, old: Entity | None) -> Entity:
    """Return what is stored for an action: annotations stay unless they are named to go."""
    is_sequence = body["exec"]["kind"] == "sequence"
    gone = [] if is_sequence else body.get("delAnnotations", [])
    kept = [each for each in (old or {}).get("annotations", []) if each["key"] not in gone]
    found = {**body, "annotations": _merged(kept, body.get("annotations", []))}
    found.pop("delAnnotations", None)
    if is_sequence:
        found["parameters"] = [{"key": "_actions", "value": body["exec"].get("components")}]
    return found


def _merged(*lists: Pairs) -> Pairs:
    return list({each["key"]: each for found in lists for each in found}.values())


def _summary(entity: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in entity.items() if key != "exec"}


@contextmanager
def serving(platform: Platform) -> Iterator[Platform]:
    """Serve it for a while; sets its url."""

    class Handler(BaseHTTPRequestHandler):
        def _do(self) -> None:
            parts = urlsplit(self.path)
            path = unquote(parts.path).removeprefix("/api/v1")
            platform.requests.append((self.command, f"{path}?{parts.query}".rstrip("?")))
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length) or "null")
            query = {key: values[0] for key, values in parse_qs(parts.query).items()}
            basic = base64.b64encode(KEY.encode()).decode()
            is_web = path.startswith("/web/")
            if not is_web and self.headers.get("Authorization") != f"Basic {basic}":
                self._reply(401, {"error": "The supplied authentication is invalid", "code": "x"})
                return
            self._reply(*platform.answer(self.command, path, query, body))

        def _reply(self, status: int, body: Any) -> None:
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            kind = "text/html" if isinstance(body, str) else "application/json"
            kind = "text/plain; charset=UTF-8" if isinstance(body, Plain) else kind
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_GET = do_PUT = do_POST = do_DELETE = _do  # noqa: N815  their names

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    with listening(Handler) as port:
        platform.url = f"http://127.0.0.1:{port}"
        yield platform
