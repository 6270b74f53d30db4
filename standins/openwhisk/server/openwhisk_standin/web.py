"""A small HTTP/1.1 server: a function from a request to a response, one thread a connection."""

from __future__ import annotations

import json
import socket
import ssl
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from openwhisk_standin.life import in_background, say
from openwhisk_standin.values import Value

JSON = "application/json"
_LARGEST = 50 * 1024 * 1024  # as upstream's nginx allows


@dataclass(frozen=True)
class Request:
    """A request; header names are in lower case, ``path`` is decoded and has no query."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes = b""

    @property
    def path(self) -> str:
        """The path, decoded."""
        return unquote(urlsplit(self.target).path)

    @property
    def raw_query(self) -> str:
        """The query as it was sent."""
        return urlsplit(self.target).query

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the query; of two by one name, the last."""
        return dict(parse_qsl(self.raw_query, keep_blank_values=True))

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Tell a parameter of the query that is true or false."""
        return self.query.get(name, str(default)).lower() == "true"


@dataclass(frozen=True)
class Response:
    """What is answered."""

    status: int = HTTPStatus.OK
    body: bytes = b""
    content_type: str = JSON
    headers: list[tuple[str, str]] = field(default_factory=list)


Handler = Callable[[Request], Response]


def as_json(value: Value, status: int = HTTPStatus.OK) -> Response:
    """Return a JSON document as a response."""
    return Response(status, json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def as_text(text: str, status: int = HTTPStatus.OK) -> Response:
    """Return text as a response."""
    return Response(status, text.encode(), "text/plain; charset=UTF-8")


class Server(ThreadingHTTPServer):
    """Listens from the moment it is made; ``serve`` answers in the background."""

    daemon_threads = True
    request_queue_size = 256

    def __init__(
        self, address: str, port: int, handler: Handler, *, tls: ssl.SSLContext | None = None
    ) -> None:
        """Listen; port 0 is any free one, which ``port`` then tells."""
        self.handler = handler
        super().__init__((address, port), _Connection)
        if tls:
            # The handshake belongs to the connection's thread: a silent client holds up no other.
            self.socket = tls.wrap_socket(
                self.socket, server_side=True, do_handshake_on_connect=False
            )

    @classmethod
    def on(cls, listening: socket.socket, handler: Handler) -> Server:
        """Return a server on a socket that listens already."""
        server = cls.__new__(cls)
        server.handler = handler
        ThreadingHTTPServer.__init__(server, ("", 0), _Connection, bind_and_activate=False)
        server.socket.close()
        server.socket = listening
        return server

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.socket.getsockname()[1])

    def serve(self, what: str) -> Server:
        """Answer requests in the background, and say so in the log."""
        self.serve_quietly()
        say(f"{what} listens on {self.socket.getsockname()[0]}:{self.port}")
        return self

    def serve_quietly(self) -> None:
        """Answer requests in the background."""
        in_background(self.serve_forever, "server")

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002
        """A client that went away or spoke no HTTP is no event worth more than a line."""
        say(f"a connection ended early: {sys.exc_info()[1]!r}")


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1  # one segment for the headers and a short body
    server: Server

    def _answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = self._body(headers)
        if body is None:
            self.close_connection = True
            self._send(as_text("The request is too large.", HTTPStatus.REQUEST_ENTITY_TOO_LARGE))
            return
        request = Request(self.command, self.path, headers, body)
        try:
            response = self.server.handler(request)
        except Exception as error:  # noqa: BLE001 - one bad request must not end a server
            say(f"{self.command} {urlsplit(self.path).path} failed: {error!r}")
            response = as_json({"error": "There was an internal server error."}, 500)
        self._send(response)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = do_OPTIONS = do_PATCH = _answer  # noqa: N815

    def _body(self, headers: Mapping[str, str]) -> bytes | None:
        if "chunked" in headers.get("transfer-encoding", ""):
            return self._chunks()
        length = int(headers.get("content-length") or 0)
        return self.rfile.read(length) if length <= _LARGEST else None

    def _chunks(self) -> bytes | None:
        found = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            if len(found) + size > _LARGEST:
                return None
            found += self.rfile.read(size)
            self.rfile.readline()
        while self.rfile.readline().strip():
            continue  # trailers
        return found

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        for name, value in response.headers:
            self.send_header(name, value)
        # An answer of 204 or 304 has no body and no length, by RFC 9110.
        if response.status not in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED):
            if response.body:
                self.send_header("Content-Type", response.content_type)
            self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(response.body)

    def version_string(self) -> str:
        """Name the server in its answers."""
        return "openwhisk-standin"

    def log_message(self, *_: object) -> None:
        """Say nothing by itself: roles say what is worth a line."""
