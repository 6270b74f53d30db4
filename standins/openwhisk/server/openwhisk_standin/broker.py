"""The role kafka: topics in memory, over HTTP; readers wait for what is not there yet.

`POST /topics/NAME` adds a message, `GET /topics/NAME?from=N&session=S&wait=SECONDS` returns those
from number N on: `{"session": ..., "next": ..., "messages": [...]}`. Numbers begin anew with each
start: who comes with an earlier session gets all there is. Messages are kept for a while, so that a
reader that was away finds them.
"""

from __future__ import annotations

import json
import threading
import time
import uuid
from collections import deque
from http import HTTPStatus

from openwhisk_standin.values import Value
from openwhisk_standin.web import Request, Response, as_json, as_text

_KEPT_SECONDS = 600
_KEPT = 10_000
_LONGEST_WAIT = 30.0


class _Topic:
    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.next = 0
        self.messages: deque[tuple[int, float, Value]] = deque(maxlen=_KEPT)

    def add(self, message: Value) -> int:
        with self.changed:
            now = time.monotonic()
            while self.messages and self.messages[0][1] < now - _KEPT_SECONDS:
                self.messages.popleft()
            self.messages.append((self.next, now, message))
            self.next += 1
            self.changed.notify_all()
            return self.next - 1

    def since(self, first: int, wait: float) -> tuple[int, list[Value]]:
        with self.changed:
            self.changed.wait_for(lambda: self.next > first, timeout=min(wait, _LONGEST_WAIT))
            return self.next, [message for at, _, message in self.messages if at >= first]


class Broker:
    """All topics; one is made when it is first named."""

    def __init__(self) -> None:
        """Begin with none."""
        self._session = uuid.uuid4().hex
        self._topics: dict[str, _Topic] = {}
        self._lock = threading.Lock()

    def answer(self, request: Request) -> Response:
        """Answer one request."""
        if request.path == "/ping":
            return as_text("pong")
        prefix, _, name = request.path.rpartition("/")
        if prefix != "/topics" or not name:
            return as_json({"error": "no such path"}, HTTPStatus.NOT_FOUND)
        with self._lock:
            topic = self._topics.setdefault(name, _Topic())
        if request.method == "POST":
            return as_json({"offset": topic.add(json.loads(request.body))})
        query = request.query
        # Without a number a reader begins with what comes next.
        first = int(query.get("from", topic.next))
        if query.get("session", self._session) != self._session:
            first = 0
        end, messages = topic.since(first, float(query.get("wait", "0")))
        return as_json({"session": self._session, "next": end, "messages": messages})
