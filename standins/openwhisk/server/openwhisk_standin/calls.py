"""HTTP calls to other roles, over connections that are kept, one for each thread."""

from __future__ import annotations

import base64
import http.client
import json
import socket
import ssl
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from openwhisk_standin.values import Value

_SECONDS = 60.0


class Unreachable(Exception):
    """The other side did not answer; its text says which one and why."""


class TimedOut(Unreachable):
    """The other side took longer than it was given."""


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def ok(self) -> bool:
        """Whether it is a success."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the class of successes

    def json(self) -> Value:
        """Return the body's document."""
        return json.loads(self.body)


class Caller:
    """Calls one server; safe to share between threads."""

    def __init__(
        self,
        url: str,
        *,
        user: str = "",
        password: str = "",
        headers: Mapping[str, str] | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Take the server's URL and what each call carries."""
        self.url = url
        self._parts = urlsplit(url)
        self._tls = tls
        self._headers = {"Accept": "application/json", **(headers or {})}
        if user:
            key = base64.b64encode(f"{user}:{password}".encode()).decode()
            self._headers["Authorization"] = f"Basic {key}"
        self._kept = threading.local()

    def call(
        self,
        method: str,
        path: str,
        body: Value = None,
        *,
        seconds: float = _SECONDS,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and return what came back; bytes go as they are, all else as JSON.

        A kept connection that the other side closed meanwhile is opened again, once.

        Raises:
            TimedOut: no answer within ``seconds``.
            Unreachable: no connection, or it broke.
        """
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        sent = {**self._headers, **(headers or {})}
        if data is not None:
            sent.setdefault("Content-Type", "application/json")
        kept = getattr(self._kept, "connection", None)
        try:
            if kept is not None:
                try:
                    return self._exchange(kept, method, path, data, sent, seconds)
                except (http.client.RemoteDisconnected, ConnectionError, BrokenPipeError):
                    self.close()
            return self._exchange(self._connect(seconds), method, path, data, sent, seconds)
        except TimeoutError as error:
            self.close()
            raise TimedOut(f"{self.url} did not answer within {seconds:g} s") from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            raise Unreachable(f"{self.url} does not answer: {error or type(error)}") from error

    def connects(self, seconds: float) -> bool:
        """Tell whether something listens there."""
        try:
            self._connect(seconds)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Close this thread's connection."""
        kept = getattr(self._kept, "connection", None)
        if kept is not None:
            kept.close()
            self._kept.connection = None

    def _connect(self, seconds: float) -> http.client.HTTPConnection:
        host, port = self._parts.hostname or "", self._parts.port
        if self._parts.scheme == "https":
            made: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=seconds, context=self._tls
            )
        else:
            made = http.client.HTTPConnection(host, port, timeout=seconds)
        made.connect()
        made.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._kept.connection = made
        return made

    def _exchange(
        self,
        connection: http.client.HTTPConnection,
        method: str,
        path: str,
        data: bytes | None,
        headers: Mapping[str, str],
        seconds: float,
    ) -> Answer:
        connection.sock.settimeout(seconds)
        connection.request(method, path, data, dict(headers))
        answer = connection.getresponse()
        body = answer.read()
        if answer.will_close:
            self.close()
        return Answer(
            answer.status, body, {name.lower(): value for name, value in answer.getheaders()}
        )
