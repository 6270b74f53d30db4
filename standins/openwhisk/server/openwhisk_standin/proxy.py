"""The role nginx: TLS and plain HTTP in front of the controller, as its nginx.conf says."""

from __future__ import annotations

import re
import ssl
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from openwhisk_standin.calls import Caller, TimedOut, Unreachable
from openwhisk_standin.life import say
from openwhisk_standin.values import BadSetting
from openwhisk_standin.web import Handler, Request, Response, Server, as_text

CONFIG = Path("/etc/nginx/nginx.conf")
_SECONDS = 75.0  # as upstream's proxy_read_timeout
# What belongs to one connection, by RFC 9110, and what the server writes itself.
_HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
_OURS = {*_HOP, "content-length", "content-type", "server", "date"}


@dataclass(frozen=True)
class Settings:
    """What the stand-in reads in an nginx.conf."""

    controller: str
    plain: int
    secure: int | None
    certificate: Path
    key: Path

    @classmethod
    def read(cls, text: str) -> Settings:
        """Read a configuration.

        Raises:
            BadSetting: it names no controller, or no port.
        """
        controller = re.search(r"upstream\s+controllers\s*\{[^}]*?\bserver\s+([^\s;]+)", text)
        listens = re.findall(r"^\s*listen\s+(\d+)([^;]*);", text, re.MULTILINE)
        plain = [int(port) for port, more in listens if "ssl" not in more.split()]
        secure = [int(port) for port, more in listens if "ssl" in more.split()]
        if not controller or not plain:
            raise BadSetting("nginx.conf names no upstream controllers, or no port to listen on")
        files = {
            name: re.search(rf"^\s*{name}\s+([^\s;]+)", text, re.MULTILINE)
            for name in ("ssl_certificate", "ssl_certificate_key")
        }
        certificate, key = (Path(found[1]) if found else Path() for found in files.values())
        port = secure[0] if secure else None
        return cls(f"http://{controller[1]}", plain[0], port, certificate, key)


def begin(settings: Settings, address: str) -> list[int]:
    """Listen; returns the ports.

    Raises:
        BadSetting: the certificate cannot be used.
    """
    handler = _forwarder(Caller(settings.controller))
    servers = [Server(address, settings.plain, handler).serve("nginx, plain")]
    if settings.secure is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(settings.certificate, settings.key)
        except OSError as error:
            raise BadSetting(f"{settings.certificate} cannot be used: {error}") from error
        secure = Server(address, settings.secure, handler, tls=context)
        servers.append(secure.serve("nginx, TLS"))
    return [server.port for server in servers]


def _forwarder(controller: Caller) -> Handler:
    def forward(request: Request) -> Response:
        sent = {name: value for name, value in request.headers.items() if name not in _HOP}
        sent.pop("content-length", None)
        body = request.body or (b"" if request.method in ("POST", "PUT", "PATCH") else None)
        try:
            answer = controller.call(
                request.method, request.target, body, headers=sent, seconds=_SECONDS
            )
        except TimedOut as error:
            say(f"{request.method} {request.path}: {error}")
            return as_text("504 Gateway Time-out", HTTPStatus.GATEWAY_TIMEOUT)
        except Unreachable as error:
            say(f"{request.method} {request.path}: {error}")
            return as_text("502 Bad Gateway", HTTPStatus.BAD_GATEWAY)
        kept = [(name, value) for name, value in answer.headers.items() if name not in _OURS]
        media = answer.headers.get("content-type", "")
        return Response(answer.status, answer.body, media, kept)

    return forward
