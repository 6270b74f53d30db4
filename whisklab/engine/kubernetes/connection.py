"""The way to the API of a server: its kubeconfig, TLS, and connections through SSH."""

from __future__ import annotations

import base64
import ssl
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING

import yaml
from pyinfra.api import FactBase
from pyinfra.api.command import QuoteString, StringCommand
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host

from whisklab.engine import documents, runs
from whisklab.engine.facts import asking
from whisklab.engine.facts.question import Question
from whisklab.engine.ssh.remote import run_quietly
from whisklab.engine.ssh.tunnels import require_connection
from whisklab.errors import WhisklabError

if TYPE_CHECKING:
    from urllib3 import PoolManager

AT_ONCE = 4  # connections, each of which begins with a handshake


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
        config = documents.read(text)
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


class _Pools(dict[str, "PoolManager"]):
    """A run's connections to APIs, by the name of the server."""


def pool(host: Host, endpoint: Endpoint) -> PoolManager:
    """Return the connections of the run to the API of a server, which are made when needed.

    Raises:
        NoCluster: there is no kubeconfig yet.
        Unreachable: there is no SSH connection to the server.
        Lost: there is none any more.
    """
    from whisklab.engine.ssh.pools import tunnelled  # noqa: PLC0415  loads urllib3

    pools = runs.on(host).part(_Pools)
    if host.name not in pools:
        _connect_ssh(host)
        try:
            text = kubeconfig(host, endpoint.kubeconfig)
        except WhisklabError as error:
            require_connection(host)
            raise NoCluster(f"{host.name} has no {endpoint.kubeconfig} yet") from error
        pools[host.name] = tunnelled(
            host, "127.0.0.1", endpoint.port, ssl_context=_tls(parse_kubeconfig(text)),
            maxsize=AT_ONCE, block=True,
        )  # fmt: skip
    return pools[host.name]


class Kubeconfig(FactBase[str]):
    """The text of a kubeconfig, which is a secret."""

    def command(self, path: str) -> StringCommand:
        """Print it; it is there for root only."""
        return StringCommand("cat", QuoteString(path))

    def process(self, output: list[str]) -> str:
        """Join the lines."""
        return "\n".join([*output, ""])


def kubeconfig(host: Host, path: str) -> str:
    """Return the text of a kubeconfig of a server.

    Raises:
        WhisklabError: there is none, or the host gives no answer.
    """
    question = Question.of(Kubeconfig, path=path)
    seen = asking.of(host).know(question)
    return str(seen.value) if seen else run_quietly(host, question.command())


def is_known(host: Host, endpoint: Endpoint) -> bool:
    """Tell whether the kubeconfig of a server came with the look at it."""
    return asking.of(host).know(Question.of(Kubeconfig, path=endpoint.kubeconfig)) is not None


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
