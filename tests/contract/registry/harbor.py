"""A registry with projects as Harbor has them, in front of the real one.

Written from Harbor's API v2.0 and what its middleware answers (src/server/middleware/v2auth,
src/core/service/token): 401 for a right that lacks and for a project that lacks, a challenge only
for who comes without a login, tokens with all that an account may, tags that only its API removes.
Besides it is a front end: it refuses, forgets and breaks off what a test says.
"""

from __future__ import annotations

import base64
import http.client
import json
import re
import secrets
import socket
import ssl
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.contract.registry.doors import Doors, trusting
from whisklab.engine.registries.secrets import PUSHER

PAGE = b"<html><body>nginx says no</body></html>"
_NAME = re.compile(r"/v2/(.+)/(?:blobs|manifests|tags)/.*")
_ARTIFACT = re.compile(
    r"/api/v2.0/projects/([^/]+)/repositories/([^/]+)/artifacts/([^/]+)/tags/([^/]+)"
)
_TO_CLIENT = ("content-type", "location", "range", "docker-content-digest", "link",
              "docker-upload-uuid", "oci-chunk-min-length")  # fmt: skip


@dataclass
class Account:
    """An account.

    Attributes:
        password: of it.
        rights: by project, of pull, push, delete.
        creates: whether it may create projects, and look at them.
    """

    password: str
    rights: dict[str, set[str]] = field(default_factory=dict)
    creates: bool = False


@dataclass
class Front:
    """What a test wants of it.

    Attributes:
        basic: it knows no tokens.
        body_limit: bytes of a request; more is 413 with a page of HTML.
        no_parts: PATCH is not allowed.
        faults: answers to the next requests of a kind, such as ("PATCH", 504): the request is not
            passed on; with 0 the connection is closed instead, with "lost" it is passed on before.
        says: headers of answers to a kind of request, such as ("PATCH", "Range", "0-9").
        store: where blobs lie that are read, such as "https://localhost:1"; "" for here.
        life: seconds that a token lasts.
        revoked_after: bytes of parts after which all tokens end, once.
        realm: where tokens are given, as it says; "" for itself.
        sick: components that are not healthy.
        is_harbor: whether it has the API v2.0.
    """

    basic: bool = False
    body_limit: int = 1 << 40
    no_parts: bool = False
    faults: list[tuple[str, int | str]] = field(default_factory=list)
    says: list[tuple[str, str, str]] = field(default_factory=list)
    store: str = ""
    life: float = 1800
    revoked_after: int | None = None
    realm: str = ""
    sick: tuple[str, ...] = ()
    is_harbor: bool = True


class Harbor:
    """It listens on a port of loopback with the certificate of `Doors`, unless another is given.

    Args:
        doors: in front of whose door for images it stands.
        pair: files with a certificate and its key.
        name: by which others reach it, None for loopback.
    """

    def __init__(
        self, doors: Doors, pair: tuple[str, str] | None = None, name: str | None = None
    ) -> None:
        self.doors, self.front = doors, Front()
        self.accounts: dict[str, Account] = {}
        self.projects: set[str] = set()
        self.tokens: dict[str, tuple[str, float]] = {}
        self.given, self.part_bytes, self.largest = 0, 0, 0
        self.seen: list[str] = []
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*(pair or (doors.etc / "tls.crt", doors.etc / "tls.key")))
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.harbor, self._server.context = self, context
        self.port: int = self._server.server_address[1]
        self.address = name or f"127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def token(self, account: str) -> str:
        text = secrets.token_hex(20)
        self.given += 1
        self.tokens[text] = (account, time.monotonic() + self.front.life)
        return text

    def who(self, header: str) -> str | None:
        """The account of a login; "" for nobody, None for one that is refused."""
        kind, _, text = header.partition(" ")
        if kind == "Bearer":
            account, until = self.tokens.get(text, ("", 0.0))
            return account if time.monotonic() < until else None
        if kind == "Basic":
            name, _, password = base64.b64decode(text).decode().partition(":")
            known = self.accounts.get(name)
            return name if known and known.password == password else None
        return ""

    def may(self, account: str | None, project: str, right: str) -> bool:
        known = self.accounts.get(account or "")
        return known is not None and right in known.rights.get(project, set())


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    harbor: Harbor
    context: ssl.SSLContext

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Greet in the connection's own thread."""
        with suppress(OSError):  # who does not trust the certificate hangs up
            super().finish_request(
                self.context.wrap_socket(request, server_side=True), client_address
            )

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of connections that break off."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server
    _is_lost = False
    _upstream: http.client.HTTPSConnection | None = None

    def finish(self) -> None:
        """End what was begun for this connection."""
        if self._upstream:
            self._upstream.close()
        super().finish()

    def do_any(self) -> None:
        harbor, path = self.server.harbor, urlsplit(self.path).path
        harbor.seen.append(f"{self.command} {path}")
        length = int(self.headers.get("Content-Length") or 0)
        if length > harbor.front.body_limit:
            self._refuse(413, PAGE)
        elif harbor.front.no_parts and self.command == "PATCH":
            self._refuse(405, PAGE)
        elif not self._faulty():
            self._routed(path, length)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_any  # noqa: N815

    def _routed(self, path: str, length: int) -> None:
        if path == "/service/token":
            self._token()
        elif path.startswith("/v2/"):
            self._registry(path, length)
        elif path.startswith("/store/"):
            self._stored()
        elif path.startswith("/api/v2.0/") and self.server.harbor.front.is_harbor:
            self._api(path, self.rfile.read(length))
        else:
            self._refuse(404, PAGE)

    def _faulty(self) -> bool:
        front = self.server.harbor.front
        kind, what = front.faults[0] if front.faults else ("", 0)
        if kind != self.command:
            return False
        del front.faults[0]
        if what == "lost":
            self._is_lost = True
            self._routed(urlsplit(self.path).path, int(self.headers.get("Content-Length") or 0))
        elif isinstance(what, int) and what:
            self._refuse(what, PAGE)
            return True
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)
        return True

    def _token(self) -> None:
        """Who has a wrong password, and says for what, gets a token that is good for nothing."""
        harbor, asked = self.server.harbor, parse_qs(urlsplit(self.path).query)
        account = harbor.who(self.headers.get("Authorization", ""))
        if not account and "scope" not in asked:
            self._say(401, [("UNAUTHORIZED", "unauthorized")])
        else:
            found = {"token": harbor.token(account or ""), "expires_in": harbor.front.life}
            self._send(200, json.dumps(found).encode())

    def _registry(self, path: str, length: int) -> None:
        harbor, header = self.server.harbor, self.headers.get("Authorization", "")
        account, found = harbor.who(header), _NAME.fullmatch(path)
        if found:
            project = found[1].partition("/")[0]
            right = {"GET": "pull", "HEAD": "pull", "DELETE": "delete"}.get(self.command, "push")
            if project not in harbor.projects and not harbor.front.basic:
                self._unauthorized(f"project {project} not found", "")
                return
            if not harbor.may(account, project, right):
                said = f"unauthorized to access repository: {found[1]}, action: {right}"
                scope = f"repository:{found[1]}:" + ("pull" if right == "pull" else f"pull,{right}")
                self._unauthorized(said, self._challenge(header, scope))
                return
        elif path == "/v2/_catalog" and harbor.front.is_harbor:
            self._unauthorized("unauthorized to list catalog", 'Basic realm="harbor"')
            return
        elif not account:
            self._unauthorized("unauthorized", self._challenge(header, ""))
            return
        if self.command == "DELETE" and "/manifests/" in path and "sha256:" not in path:
            self._say(405, [("UNSUPPORTED", "unsupported digest")])
        elif harbor.front.store and self.command in {"GET", "HEAD"} and "/blobs/sha256:" in path:
            self._send(307, b"", {"Location": f"{harbor.front.store}/store{path}"})
        else:
            self._passed_on(length)

    def _stored(self) -> None:
        """A store whose URLs are signed refuses who brings a login as well."""
        if self.headers.get("Authorization"):
            self._refuse(400, PAGE)
            return
        self.path = self.path.removeprefix("/store")
        self._passed_on(0)

    def _challenge(self, header: str, scope: str) -> str:
        front = self.server.harbor.front
        if front.basic or header:
            return 'Basic realm="harbor"'
        realm = front.realm or f"https://{self.server.harbor.address}/service/token"
        asked = f',scope="{scope}"' if scope else ""
        return f'Bearer realm="{realm}",service="harbor-registry"{asked}'

    def _unauthorized(self, said: str, challenge: str) -> None:
        self._say(401, [("UNAUTHORIZED", said)], {"Www-Authenticate": challenge})

    def _passed_on(self, length: int, as_: Mapping[int, int] | None = None) -> None:
        harbor = self.server.harbor
        password = harbor.doors.known.passwords[PUSHER]
        login = base64.b64encode(f"{PUSHER}:{password}".encode()).decode()
        kept = {
            name: value
            for name, value in self.headers.items()
            if name.lower() in {"accept", "content-type", "content-range", "content-length"}
        }
        upstream = self._upstream = self._upstream or http.client.HTTPSConnection(
            "127.0.0.1", harbor.doors.push.port, context=trusting(harbor.doors.ca), timeout=60
        )
        body = _Body(self.rfile, length, harbor) if length else None
        upstream.request(self.command, self.path, body, {**kept, "Authorization": f"Basic {login}"})
        answer = upstream.getresponse()
        data = answer.read()
        more: dict[str, str] = {
            name.title(): value for name in _TO_CLIENT if (value := answer.getheader(name))
        }
        more |= self._said()
        if length and self.command in {"PATCH", "PUT"}:
            harbor.largest = max(harbor.largest, length)
        if self.command == "HEAD":
            more["Content-Length"] = answer.getheader("content-length") or "0"
        self._send((as_ or {}).get(answer.status, answer.status), data, more)

    def _api(self, path: str, body: bytes) -> None:
        harbor = self.server.harbor
        name = harbor.who(self.headers.get("Authorization", ""))
        account = harbor.accounts.get(name or "", Account(""))
        query = {key: each[0] for key, each in parse_qs(urlsplit(self.path).query).items()}
        if path == "/api/v2.0/health":
            parts = ("core", "database", "jobservice", "redis", "registry", "registryctl")
            states = {
                each: "unhealthy" if each in harbor.front.sick else "healthy" for each in parts
            }
            self._send(200, json.dumps({
                "status": "unhealthy" if harbor.front.sick else "healthy",
                "components": [{"name": each, "status": state} for each, state in states.items()],
            }).encode())  # fmt: skip
        elif not name:
            self._say(401, [("UNAUTHORIZED", "unauthorized")])
        elif path == "/api/v2.0/projects":
            self._projects(account, query, body)
        else:
            self._repositories(account, path, query)

    def _projects(self, account: Account, query: Mapping[str, str], body: bytes) -> None:
        harbor = self.server.harbor
        if self.command == "POST":
            wanted = str(json.loads(body)["project_name"])
            if not account.creates:
                self._say(403, [("FORBIDDEN", "Only system level robot can create project")])
            elif wanted in harbor.projects:
                self._say(409, [("CONFLICT", f"The project named {wanted} already exists")])
            else:
                harbor.projects.add(wanted)
                account.rights[wanted] = {"pull", "push", "delete"}
                self._send(201, b"")
        elif self.command == "HEAD":
            there = query["project_name"] in harbor.projects
            self._send((200 if there else 404) if account.creates else 403, b"")
        else:
            names = sorted(set(account.rights) & harbor.projects)
            self._send(200, json.dumps([{"name": each} for each in _page(names, query)]).encode())

    def _repositories(self, account: Account, path: str, query: Mapping[str, str]) -> None:
        harbor, found = self.server.harbor, _ARTIFACT.fullmatch(path)
        project = path.split("/")[4] if path.count("/") > 3 else ""
        if "pull" not in account.rights.get(project, set()):
            self._say(403, [("FORBIDDEN", "forbidden")])
        elif found and self.command == "DELETE":
            if "delete" not in account.rights[project]:
                self._say(403, [("FORBIDDEN", "forbidden")])
                return
            repository = unquote(unquote(found[2]))
            self.path = f"/v2/{project}/{repository}/manifests/{unquote(found[4])}"
            self._passed_on(0, {202: 200})
        else:
            root = harbor.doors.data / "docker/registry/v2/repositories"
            names = sorted(
                str(each.parent.relative_to(root)) for each in root.rglob("_manifests")
                if str(each.relative_to(root)).startswith(f"{project}/")
            )  # fmt: skip
            self._send(200, json.dumps([{"name": each} for each in _page(names, query)]).encode())

    def _say(
        self, status: int, errors: list[tuple[str, str]], headers: Mapping[str, str] | None = None
    ) -> None:
        found = {"errors": [{"code": code, "message": said} for code, said in errors]}
        self._drain()
        self._send(status, json.dumps(found).encode(), headers)

    def _drain(self) -> None:
        """Read what nobody wants, as a front end does for a while (nginx: lingering_close)."""
        if self.command in {"PATCH", "PUT", "POST"} and not self.path.startswith("/api/"):
            left = int(self.headers.get("Content-Length") or 0)
            while left and (piece := self.rfile.read(min(left, 65536))):
                left -= len(piece)

    def _refuse(self, status: int, page: bytes) -> None:
        self._drain()
        own = {"Content-Type": "text/html", "Connection": "close"}
        self._send(status, page, own | self._said())
        self.close_connection = True

    def _said(self) -> dict[str, str]:
        says = self.server.harbor.front.says
        return {name: value for kind, name, value in says if kind == self.command}

    def _send(self, status: int, data: bytes, headers: Mapping[str, str] | None = None) -> None:
        if self._is_lost:
            return
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        if "Content-Length" not in (headers or {}):
            self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        pass


class _Body:
    """The bytes of a request, counted; http.client reads them in pieces."""

    def __init__(self, source: Any, length: int, harbor: Harbor) -> None:
        self._source, self._left, self._harbor = source, length, harbor

    def read(self, size: int = -1) -> bytes:
        piece: bytes = self._source.read(min(size, self._left))
        self._left -= len(piece)
        self._harbor.part_bytes += len(piece)
        limit = self._harbor.front.revoked_after
        if limit is not None and self._harbor.part_bytes > limit:
            self._harbor.front.revoked_after = None
            self._harbor.tokens.clear()
        return piece


def _page(names: list[str], query: Mapping[str, str]) -> list[str]:
    page, size = int(query.get("page", 1)), int(query.get("page_size", 10))
    return names[(page - 1) * size : page * size]
