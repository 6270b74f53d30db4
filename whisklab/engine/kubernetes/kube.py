"""The Kubernetes API of a server, asked through the SSH connection of that host.

One small client, not the official one: that takes a second of processor time to import, and the
API is JSON over HTTP.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from pyinfra.api.host import Host

from whisklab.engine import limits, runs
from whisklab.engine.kubernetes.connection import (
    Endpoint,
    Faulted,
    NoCluster,
    Unreachable,
    kubeconfig,
    pool,
)
from whisklab.engine.kubernetes.seen import JSON, Get, Seen
from whisklab.engine.ssh.tunnels import require_connection
from whisklab.errors import WhisklabError

if TYPE_CHECKING:
    from urllib3 import BaseHTTPResponse, PoolManager

__all__ = [
    "MERGE", "STRATEGIC", "Endpoint", "Faulted", "NoCluster", "Refused", "Unreachable", "ask_ahead",
    "kubeconfig", "refused", "request",
]  # fmt: skip
HTTP_ERRORS, HTTP_SERVER_ERROR = 400, 500  # and above
NOT_FOUND, CONFLICT, INVALID = 404, 409, 422
# Kinds of patches, as content types; RFC 7386, and lists merged by Kubernetes' own keys.
MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"


class _Ready(dict[str, "PoolManager"]):
    """The connections to APIs that were ready when they were first asked something in a run."""


class Refused(WhisklabError):
    """The API answered with an error: HTTP's `status`, what it says, and the causes it gives."""

    def __init__(self, status: int, message: str, causes: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.status, self.causes = status, tuple(causes)


def request(
    host: Host,
    endpoint: Endpoint,
    method: str,
    path: str,
    body: object = None,
    *,
    content_type: str = "application/json",
    accept: str = JSON,
    anew: bool = False,
) -> Any:  # noqa: ANN401  whatever JSON it answers
    """Return what the API answers to one request.

    Args:
        host: the server.
        endpoint: of it.
        method: such as GET.
        path: with its query.
        body: sent as JSON, None for none.
        content_type: of the body; a patch says its kind here.
        accept: JSON, or another form, which is returned as text.
        anew: ask, even if what the run knows (`seen`) would do.

    Raises:
        NoCluster: there is no kubeconfig yet.
        Unreachable: it does not answer, or what answers is not it, or is not ready at the first
            request of a run.
        Faulted: it answers that it failed.
        Refused: it answers with an error.
        Lost: there is no SSH connection to the host any more.
    """
    asked = Get(path, accept) if (method, body) == ("GET", None) else None
    seen = runs.on(host).part(Seen)
    if asked:
        seen.note(host, [endpoint.kubeconfig, endpoint.port], asked)
        if not anew and (known := seen.know(host, asked)):
            return _there(known[0], path)
    ready = runs.on(host).part(_Ready)
    if host.name not in ready:
        ready[host.name] = _connect(host, endpoint)
    state = seen.state(host)
    found = _answer(host, ready[host.name], endpoint, method, path, body,
                    {"Accept": accept, "Content-Type": content_type})  # fmt: skip
    if asked:
        seen.keep(host, asked, found, state)
    return found


def ask_ahead(host: Host, endpoint: Endpoint, asked: Get) -> None:
    """Have the answer to a request that somebody will make; what fails is left to him."""
    seen = runs.on(host).part(Seen)
    with suppress(WhisklabError):
        state = seen.state(host)
        found = _answer(host, pool(host, endpoint), endpoint, "GET", asked.path, None,
                        {"Accept": asked.accept})  # fmt: skip
        seen.keep(host, asked, found, state)


def _there(found: Any, path: str) -> Any:  # noqa: ANN401
    if found is None:
        raise Refused(NOT_FOUND, f"there is no {path}")
    return found


def _answer(
    host: Host,
    connections: PoolManager,
    endpoint: Endpoint,
    method: str,
    path: str,
    body: object,
    headers: Mapping[str, str],
) -> Any:  # noqa: ANN401  whatever JSON it answers
    answer = _exchange(
        host,
        connections,
        method,
        _url(endpoint, path),
        body=None if body is None else json.dumps(body),
        headers=headers,
    )
    text = answer.data.decode(errors="replace")
    if answer.status >= HTTP_ERRORS:
        raise refused(text, answer.status)
    if not headers["Accept"].startswith("application/json"):
        return text
    try:
        return json.loads(text)
    except ValueError as error:
        raise Unreachable(
            f"what answers for the Kubernetes API of {host.name} is no JSON: {text[:80]!r}"
        ) from error


def _connect(host: Host, endpoint: Endpoint) -> PoolManager:
    found = pool(host, endpoint)
    # An API that has just begun refuses what it will allow in a moment.
    if _exchange(host, found, "GET", _url(endpoint, "/readyz")).status >= HTTP_ERRORS:
        raise Unreachable(f"the Kubernetes API of {host.name} is not ready yet")
    return found


def _url(endpoint: Endpoint, path: str) -> str:
    return f"https://127.0.0.1:{endpoint.port}{path}"


def _exchange(
    host: Host,
    pool: PoolManager,
    method: str,
    url: str,
    **options: Any,  # noqa: ANN401
) -> BaseHTTPResponse:
    import urllib3  # noqa: PLC0415  takes a twentieth of a start

    try:
        within = urllib3.Timeout(
            connect=limits.CONNECT_WITHIN, read=limits.KUBERNETES_ANSWERS_WITHIN
        )
        answer = pool.request(method, url, timeout=within, **options)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        require_connection(host)
        raise Unreachable(f"the Kubernetes API of {host.name} does not answer") from error
    if answer.status == HTTP_SERVER_ERROR:
        said = refused(answer.data.decode(errors="replace"), answer.status)
        raise Faulted(f"the Kubernetes API of {host.name} fails: {said}")
    if answer.status > HTTP_SERVER_ERROR:
        raise Unreachable(f"the Kubernetes API of {host.name} cannot answer now")
    return answer


def refused(text: str, status: int) -> Refused:
    """Return the error that an answer is, which is a Status if it is Kubernetes' own. Pure."""
    try:
        said = json.loads(text)
        causes = (said.get("details") or {}).get("causes") or []
        return Refused(status, str(said["message"]), [str(each["message"]) for each in causes])
    except (ValueError, KeyError, TypeError, AttributeError):
        return Refused(status, text.strip() or f"the Kubernetes API answers {status}")
