"""OpenWhisk's REST API, as its users call it.

Source: docs/rest_api.md and docs/webactions.md of apache/openwhisk; tried on a real server.
"""

from __future__ import annotations

import base64
import time
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import quote, urlencode

from deploys.openwhisk.answers import (
    NOT_FOUND,
    UNAUTHORIZED,
    ActionFailed,
    NotEnded,
    Refused,
    Unauthorized,
    failure,
    is_plain,
    message,
    parsed,
    require_ready,
)
from deploys.openwhisk.pace import Pace
from whisklab.engine.ssh.http import Answer, Server

T = TypeVar("T")
API = "/api/v1"
PAGE = 200  # entries; the most that a list may have
POLL = 1.0
BLOCKING = 90.0  # seconds; a blocking call is answered within 60, done or not
RESULT_WITHIN = 180.0  # seconds; a first call may have to wait for an image


class OpenWhisk:
    """The API, for the namespace of one key.

    Args:
        server: where it is.
        key: `uuid:letters`.
        source: where the key comes from, for sentences.
        pace: for calls of actions.

    Attributes:
        took_ms: how long the last call of an action took, without waiting for one's turn.
    """

    def __init__(self, server: Server, key: str, source: str, pace: Pace) -> None:
        self.server, self.pace, self.took_ms = server, pace, 0.0
        self._source = source
        basic = base64.b64encode(key.encode()).decode()
        self._headers = {"Authorization": f"Basic {basic}"}

    def ask(self, method: str, path: str, body: object = None, **query: object) -> Any:  # noqa: ANN401
        """Return the JSON that the API answers, None when it has nothing to tell.

        Args:
            method: such as GET.
            path: below the API's version, such as /namespaces.
            body: sent as JSON.
            query: of the URL.

        Raises:
            Unreachable: it does not answer.
            NotReady: it answers that it cannot now.
            Unauthorized: the key is not known.
            Throttled: for more than a minute.
            ActionFailed: an action that was called ended with an error.
            Refused: it answers with another error.
        """
        found = self.pace.patiently(lambda: self._ask(method, path, body, query))
        return None if method == "POST" and is_plain(found) else parsed(found)

    def entity(self, collection: str, name: str = "") -> str:
        """Return the path of an entity of the key's namespace, or of a collection of them."""
        return f"/namespaces/_/{collection}" + (f"/{quote(name)}" if name else "")

    def namespace(self) -> str:
        """Return the namespace of the key. Raises as `ask` does."""
        found = self.ask("GET", "/namespaces")
        return str(found[0])

    def listed(self, collection: str, namespace: str = "_") -> list[dict[str, Any]]:
        """Return the summaries of all entities of a namespace. Raises as `ask` does."""
        return list(self._pages(f"/namespaces/{quote(namespace)}/{collection}"))

    def get(self, collection: str, name: str) -> dict[str, Any] | None:
        """Return an entity, None when there is none. Raises as `ask` does."""
        query = {"code": "true"} if collection == "actions" else {}
        try:
            found: dict[str, Any] = self.ask("GET", self.entity(collection, name), **query)
        except Refused as error:
            if error.status != NOT_FOUND:
                raise
            return None
        return found

    def put(self, collection: str, name: str, body: object, *, overwrite: bool) -> None:
        """Create an entity, or replace it. Raises as `ask` does."""
        self.ask("PUT", self.entity(collection, name), body, overwrite=str(overwrite).lower())

    def delete(self, collection: str, name: str) -> bool:
        """Delete an entity; tell whether there was one. Raises as `ask` does."""
        try:
            self.ask("DELETE", self.entity(collection, name))
        except Refused as error:
            if error.status != NOT_FOUND:
                raise
            return False
        return True

    def invoke(self, name: str, parameters: dict[str, Any]) -> dict[str, Any]:
        """Call an action of the namespace, and return the record of that, its result in it.

        Raises:
            ActionFailed: it ended with an error.
            WhisklabError: as `ask` does, or the action does not end.
        """
        path = self.entity("actions", name)

        def post() -> dict[str, Any]:
            found: dict[str, Any] = parsed(
                self._ask("POST", path, parameters, {"blocking": "true"})
            )
            if "response" not in found:  # it takes longer than a call may wait for it
                return self.activation(str(found["activationId"]), RESULT_WITHIN)
            return found

        found = self._call(post)
        if not found["response"].get("success"):
            raise ActionFailed(failure(name, found))
        return found

    def activation(self, identity: str, within: float) -> dict[str, Any]:
        """Return the record of a call as soon as it is there.

        Raises:
            NotEnded: it is not within so many seconds.
            WhisklabError: as `ask` does.
        """
        end = time.monotonic() + within
        while (found := self.get("activations", identity)) is None:
            if time.monotonic() > end:
                raise NotEnded(
                    f"the call {identity} has not ended after {within:.0f} s: see the pods of "
                    "OpenWhisk's invoker"
                )
            time.sleep(POLL)
        return found

    def web(self, namespace: str, action: str, **query: str) -> Answer:
        """Return what a web action outside of all packages answers to a GET without any key.

        Raises:
            Unreachable, NotReady, Throttled: as `ask` does.
        """
        path = f"{API}/web/{quote(namespace)}/default/{quote(action)}"

        def get() -> Answer:
            found = self._send("GET", f"{path}?{urlencode(query)}", None, {})
            require_ready(self.server.name, found)
            return found

        return self._call(get)

    def _call(self, work: Callable[[], T]) -> T:
        def attempt() -> T:
            self.pace.wait()
            start = time.monotonic()
            found = work()
            self.took_ms = (time.monotonic() - start) * 1000
            return found

        return self.pace.patiently(attempt)

    def _pages(self, path: str) -> Iterator[dict[str, Any]]:
        skip = 0
        while True:
            found = self.ask("GET", path, limit=PAGE, skip=skip)
            yield from found
            if len(found) < PAGE:
                return
            skip += len(found)

    def _ask(self, method: str, path: str, body: object, query: dict[str, object]) -> Answer:
        search = f"?{urlencode(query)}" if query else ""
        found = self._send(method, API + path + search, body, self._headers)
        if found.status == UNAUTHORIZED:
            raise Unauthorized(
                f"{self.server.name} does not know the key of {self._source}: OpenWhisk keeps the "
                "keys that it was installed with"
            )
        require_ready(self.server.name, found)
        if found.status >= 300:  # noqa: PLR2004  HTTP: neither done nor accepted
            raise Refused(found.status, message(found))
        return found

    def _send(self, method: str, path: str, body: object, headers: dict[str, str]) -> Answer:
        return self.server.request(method, path, body=body, headers=headers, timeout=BLOCKING)
