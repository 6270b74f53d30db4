"""Roles that only take their place in the order: they listen, answer probes, and do no work."""

from __future__ import annotations

import socket
import socketserver
from http import HTTPStatus

from openwhisk_standin.life import in_background, rest, say
from openwhisk_standin.web import Request, Response, Server, as_json, as_text

_PATIENCE = 5.0  # seconds


class _Lines(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, address: str, port: int, answers: dict[bytes, bytes], *, once: bool) -> None:
        self.answers = answers
        self.once = once
        super().__init__((address, port), _Line)


class _Line(socketserver.StreamRequestHandler):
    server: _Lines
    timeout = 60.0

    def handle(self) -> None:
        """Answer the words that are known; ZooKeeper's are one for each connection."""
        if self.server.once:
            self._answer(self.rfile.read(4))
            # Who closes with unread bytes resets the connection, and the answer may be lost.
            self.connection.shutdown(socket.SHUT_WR)
            self.rfile.read()
            return
        while word := self.rfile.readline(1024):
            self._answer(word)

    def _answer(self, word: bytes) -> None:
        self.wfile.write(self.server.answers.get(word.strip().lower(), b""))


def zookeeper(address: str, port: int) -> int:
    """Answer ZooKeeper's question of health; returns the port."""
    return _serve(_Lines(address, port, {b"ruok": b"imok"}, once=True), "zookeeper")


def redis(address: str, port: int) -> int:
    """Answer Redis' PING; returns the port."""
    return _serve(_Lines(address, port, {b"ping": b"+PONG\r\n"}, once=False), "redis")


def _serve(server: _Lines, what: str) -> int:
    in_background(server.serve_forever, what)
    port = int(server.server_address[1])
    say(f"{what} listens on {server.server_address[0]!s}:{port}")
    return port


def await_zookeeper(connect: str) -> bool:
    """Wait until the first ZooKeeper of a connect string says that it is well.

    Returns:
        False when the role was asked to end meanwhile.
    """
    host, _, port = connect.partition(",")[0].partition("/")[0].rpartition(":")
    said = False
    while True:
        try:
            with socket.create_connection((host, int(port)), timeout=_PATIENCE) as asked:
                asked.sendall(b"ruok")
                if asked.recv(4) == b"imok":
                    return True
        except OSError as error:
            if not said:
                say(f"zookeeper at {host}:{port} does not answer yet: {error}")
            said = True
        if rest(1.0):
            return False


# What each double answers: paths and texts that probes ask for.
_PAGES: dict[str, dict[str, str]] = {
    "apigateway": {"/v1/health-check": "{}"},
    "alarmprovider": {"/ping": "pong"},
    "kafkaprovider": {"/ping": "pong"},
    "scheduler": {"/ping": "pong"},
    "etcd": {"/health": '{"health":"true"}'},
    "user-events": {"/ping": "pong"},
    "prometheus": {"/-/healthy": "Prometheus is Healthy."},
    "grafana": {"/api/health": '{"database":"ok"}'},
}
PORTS: dict[str, tuple[int, ...]] = {
    "apigateway": (9000, 8080),
    "alarmprovider": (8080,),
    "kafkaprovider": (8080,),
    "scheduler": (8080, 13001),
    "etcd": (2379,),
    "user-events": (9095,),
    "prometheus": (9090,),
    "grafana": (3000,),
}


def pages(role: str, address: str, ports: tuple[int, ...]) -> None:
    """Answer a double's probes on its ports."""
    known = _PAGES[role]

    def answer(request: Request) -> Response:
        text = known.get(request.path)
        if text is None:
            error = f"this is a stand-in of {role}: it does no work"
            return as_json({"error": error}, HTTPStatus.NOT_FOUND)
        return as_text(text)

    for port in ports:
        Server(address, port, answer).serve(role)
