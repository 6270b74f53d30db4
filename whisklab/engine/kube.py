"""The official Kubernetes client, spoken to through the SSH connection of a host."""

from __future__ import annotations

import base64
import json
import ssl
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import urllib3
import yaml
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host

from whisklab.engine.http import tunnelled
from whisklab.engine.remote import run_quietly
from whisklab.engine.tunnels import require_connection
from whisklab.errors import WhisklabError

T = TypeVar("T")
HTTP_OK, HTTP_ERRORS, HTTP_SERVER_ERROR = 200, 400, 500  # the latter two: and above
REQUEST_TIMEOUT = (10.0, 30.0)  # seconds, to connect and to read


class Unreachable(WhisklabError):
    """The API does not answer (now)."""


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


_clients: dict[str, Any] = {}


def core_api(host: Host, endpoint: Endpoint) -> Any:  # noqa: ANN401  untyped library
    """Return a `kubernetes.client.CoreV1Api` for the API server on `host`, one for the run.

    Raises:
        Unreachable: there is no kubeconfig yet, or nothing answers as ready.
    """
    if host.name not in _clients:
        _clients[host.name] = _connect(host, endpoint)
    return _clients[host.name]


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
    """Return what the API answers to one request, for what the typed client makes long.

    Args:
        host: the server.
        endpoint: of it.
        method: such as GET.
        path: with its query.
        body: sent as JSON, None for none.
        content_type: of the body; a patch says its kind here.
        accept: JSON, or another form, which is returned as text.

    Raises:
        Unreachable: it does not answer.
        Refused: it answers with an error.
    """
    pool = core_api(host, endpoint).api_client.rest_client.pool_manager
    try:
        answer = pool.request(
            method,
            f"https://127.0.0.1:{endpoint.port}{path}",
            body=None if body is None else json.dumps(body),
            headers={"Accept": accept, "Content-Type": content_type},
            timeout=urllib3.Timeout(*REQUEST_TIMEOUT),
        )
    except (urllib3.exceptions.HTTPError, OSError) as error:
        require_connection(host)
        raise Unreachable(f"the Kubernetes API of {host.name} does not answer") from error
    if answer.status >= HTTP_SERVER_ERROR:
        raise Unreachable(f"the Kubernetes API of {host.name} cannot answer now")
    text = answer.data.decode(errors="replace")
    if answer.status >= HTTP_ERRORS:
        raise Refused(answer.status, _message(text, answer.status))
    return json.loads(text) if accept.startswith("application/json") else text


def _message(text: str, status: int) -> str:
    try:
        return str(json.loads(text)["message"])
    except (ValueError, KeyError, TypeError):
        return text.strip() or f"the Kubernetes API answers {status}"


def ask(host: Host, endpoint: Endpoint, question: Callable[[Any], T]) -> T:
    """Return `question(core_api)`, of an API server that may be restarting.

    Raises:
        Unreachable: it does not answer, or says that it cannot now.
        Lost: there is no SSH connection to the host any more.
        kubernetes.client.ApiException: it answers, and refuses.
    """
    from kubernetes import client  # noqa: PLC0415  half a second that most runs need not spend

    try:
        return question(core_api(host, endpoint))
    except client.ApiException as error:
        if error.status and error.status < HTTP_SERVER_ERROR:
            raise
        raise Unreachable(f"the Kubernetes API of {host.name} cannot answer now") from error
    except (urllib3.exceptions.HTTPError, OSError) as error:
        require_connection(host)
        raise Unreachable(f"the Kubernetes API of {host.name} does not answer") from error


def _connect(host: Host, endpoint: Endpoint) -> Any:  # noqa: ANN401
    from kubernetes import client  # noqa: PLC0415

    _connect_ssh(host)
    try:
        text = run_quietly(host, StringCommand("cat", QuoteString(endpoint.kubeconfig)))
    except WhisklabError as error:
        require_connection(host)
        raise NoCluster(f"{host.name} has no {endpoint.kubeconfig} yet") from error
    configuration = client.Configuration()
    configuration.host = f"https://127.0.0.1:{endpoint.port}"
    api = client.ApiClient(configuration)
    context = _tls(parse_kubeconfig(text))
    pool = tunnelled(host, "127.0.0.1", endpoint.port, ssl_context=context)
    api.rest_client.pool_manager = pool
    core = client.CoreV1Api(api)
    try:
        answer = api.call_api(
            "GET", configuration.host + "/readyz", _request_timeout=REQUEST_TIMEOUT
        )
    except (client.ApiException, urllib3.exceptions.HTTPError, OSError) as error:
        require_connection(host)
        raise Unreachable(f"the Kubernetes API of {host.name} does not answer yet") from error
    if answer.status != HTTP_OK:
        raise Unreachable(f"the Kubernetes API of {host.name} is not ready yet")
    return core


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
