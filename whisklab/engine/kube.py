"""The Kubernetes API of a server, asked through the SSH connection of that host.

One small client, not the official one: that takes a second of processor time to import, and the
API is JSON over HTTP.
"""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
from dataclasses import dataclass
from typing import Any

import urllib3
import yaml
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host

from whisklab.engine import limits
from whisklab.engine.http import tunnelled
from whisklab.engine.remote import run_quietly
from whisklab.engine.tunnels import require_connection
from whisklab.errors import WhisklabError

HTTP_ERRORS, HTTP_SERVER_ERROR = 400, 500  # and above
NOT_FOUND = 404
# Kinds of patches, as content types; RFC 7386, and lists merged by Kubernetes' own keys.
MERGE, STRATEGIC = "application/merge-patch+json", "application/strategic-merge-patch+json"


class Unreachable(WhisklabError):
    """The API does not answer (now)."""

    @property
    def until(self) -> str:
        """What would have to be, in a plan's `unknown until ...`."""
        return "the API answers"


class Faulted(Unreachable):
    """The API answers that it failed (500): it is in trouble, or was asked for what cannot be."""

    @property
    def until(self) -> str:
        """The API's own words with it."""
        return f"the API answers otherwise ({self})"


class NoCluster(Unreachable):
    """There is no API: the server has never run, it has no kubeconfig."""


class Refused(WhisklabError):
    """The API answered with an error: HTTP's `status`, and what it says."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class Endpoint:
    """Where a server's API is: the path of its administrator's kubeconfig, its loopback port."""

    kubeconfig: str
    port: int


@dataclass(frozen=True)
class Credentials:
    """What a kubeconfig says, as PEM text."""

    authority: str
    certificate: str
    key: str


def parse_kubeconfig(text: str) -> Credentials:
    """Return the credentials of a kubeconfig with embedded certificates and one user.

    Raises:
        WhisklabError: it is not of that form.
    """
    try:
        config = yaml.safe_load(text)
        cluster = config["clusters"][0]["cluster"]
        user = config["users"][0]["user"]
        encoded = (
            cluster["certificate-authority-data"],
            user["client-certificate-data"],
            user["client-key-data"],
        )
        return Credentials(*(base64.b64decode(item).decode() for item in encoded))
    except (KeyError, IndexError, TypeError, ValueError, yaml.YAMLError) as error:
        # The text is a secret: say what is missing, not what is there.
        raise WhisklabError(f"unexpected kubeconfig ({type(error).__name__})") from None


_pools: dict[str, urllib3.PoolManager] = {}


def request(
    host: Host,
    endpoint: Endpoint,
    method: str,
    path: str,
    body: object = None,
    *,
    content_type: str = "application/json",
    accept: str = "application/json",
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

    Raises:
        NoCluster: there is no kubeconfig yet.
        Unreachable: it does not answer, or not as ready at the first request of a run.
        Faulted: it answers that it failed.
        Refused: it answers with an error.
        Lost: there is no SSH connection to the host any more.
    """
    if host.name not in _pools:
        _pools[host.name] = _connect(host, endpoint)
    answer = _exchange(
        host, _pools[host.name], method, _url(endpoint, path),
        body=None if body is None else json.dumps(body),
        headers={"Accept": accept, "Content-Type": content_type},
    )  # fmt: skip
    text = answer.data.decode(errors="replace")
    if answer.status >= HTTP_ERRORS:
        raise Refused(answer.status, _message(text, answer.status))
    return json.loads(text) if accept.startswith("application/json") else text


def get(host: Host, endpoint: Endpoint, path: str) -> Any:  # noqa: ANN401  the JSON of an object
    """Return an object or a list; None when there is none. Raises as `request`."""
    try:
        return request(host, endpoint, "GET", path)
    except Refused as error:
        if error.status == NOT_FOUND:
            return None
        raise


def _url(endpoint: Endpoint, path: str) -> str:
    return f"https://127.0.0.1:{endpoint.port}{path}"


def _exchange(
    host: Host,
    pool: urllib3.PoolManager,
    method: str,
    url: str,
    **options: Any,  # noqa: ANN401
) -> urllib3.BaseHTTPResponse:
    try:
        within = urllib3.Timeout(
            connect=limits.CONNECT_WITHIN, read=limits.KUBERNETES_ANSWERS_WITHIN
        )
        answer = pool.request(method, url, timeout=within, **options)
    except (urllib3.exceptions.HTTPError, OSError) as error:
        require_connection(host)
        raise Unreachable(f"the Kubernetes API of {host.name} does not answer") from error
    if answer.status == HTTP_SERVER_ERROR:
        said = _message(answer.data.decode(errors="replace"), answer.status)
        raise Faulted(f"the Kubernetes API of {host.name} fails: {said}")
    if answer.status > HTTP_SERVER_ERROR:
        raise Unreachable(f"the Kubernetes API of {host.name} cannot answer now")
    return answer


def _message(text: str, status: int) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.strip() or f"the Kubernetes API answers {status}"


def _connect(host: Host, endpoint: Endpoint) -> urllib3.PoolManager:
    _connect_ssh(host)
    try:
        text = run_quietly(host, StringCommand("cat", QuoteString(endpoint.kubeconfig)))
    except WhisklabError as error:
        require_connection(host)
        raise NoCluster(f"{host.name} has no {endpoint.kubeconfig} yet") from error
    context = _tls(parse_kubeconfig(text))
    pool = tunnelled(host, "127.0.0.1", endpoint.port, ssl_context=context)
    # An API that has just begun refuses what it will allow in a moment.
    if _exchange(host, pool, "GET", _url(endpoint, "/readyz")).status >= HTTP_ERRORS:
        raise Unreachable(f"the Kubernetes API of {host.name} is not ready yet")
    return pool


def _connect_ssh(host: Host) -> None:
    # A run limited to other machines has not connected to this one.
    try:
        host.connect(reason="for the Kubernetes API", show_errors=False, raise_exceptions=True)
    except ConnectError as error:
        raise Unreachable(str(error)) from error


def _tls(credentials: Credentials) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=credentials.authority)
    # OpenSSL reads a client's key from a file only; it is gone before this function returns.
    with tempfile.NamedTemporaryFile("w", prefix="whisklab-") as file:
        file.write(credentials.certificate + "\n" + credentials.key)
        file.flush()
        context.load_cert_chain(file.name)
    return context
