"""HTTPS servers that only a host sees, asked through its SSH connection."""

from __future__ import annotations

import hashlib
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pyinfra.api.host import Host

from whisklab.engine import limits
from whisklab.engine.ssh.tunnels import require_connection
from whisklab.errors import WhisklabError

if TYPE_CHECKING:
    from urllib3 import PoolManager

_FIRST = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


class Unreachable(WhisklabError):
    """The server does not answer (now)."""


@dataclass(frozen=True)
class Answer:
    """What a server answered; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    text: str


@dataclass(frozen=True)
class Server:
    """An HTTP server.

    Attributes:
        name: how sentences call it.
        url: without a path.
        pool: its connections.
        host: through whose SSH connection they go; None for none.
    """

    name: str
    url: str
    pool: PoolManager
    host: Host | None = None

    def request(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        timeout: float = 30.0,
    ) -> Answer:
        """Return the answer to one request, whatever its status.

        Args:
            method: such as GET.
            path: with its query.
            body: sent as JSON, None for none.
            headers: further ones; may be secret.
            timeout: seconds to wait for the answer, once it was asked.

        Raises:
            Unreachable: there is no answer; the sentence says why.
            Lost: there is no SSH connection to the host any more.
        """
        import urllib3  # noqa: PLC0415  takes a twentieth of a start

        data = None if body is None else json.dumps(body)
        kind = {} if body is None else {"Content-Type": "application/json"}
        try:
            answer = self.pool.request(
                method,
                self.url + path,
                body=data,
                headers={**kind, **(headers or {})},
                timeout=urllib3.Timeout(connect=limits.CONNECT_WITHIN, read=timeout),
                redirect=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            if self.host is not None:
                require_connection(self.host)
            raise Unreachable(f"{self.name} does not answer: {_why(error)}") from error
        found = {name.lower(): value for name, value in answer.headers.items()}
        return Answer(answer.status, found, answer.data.decode(errors="replace"))


def _why(error: Exception) -> str:
    from urllib3.exceptions import SSLError, TimeoutError  # noqa: PLC0415, A004

    if isinstance(error.__cause__, WhisklabError):
        return str(error.__cause__)
    if isinstance(error, SSLError) and "timed out" not in str(error):
        why = getattr(error.args[0] if error.args else None, "verify_message", "")
        return f"it shows another certificate than it should{f' ({why})' if why else ''}"
    if isinstance(error, TimeoutError | SSLError):
        return "it takes too long"
    return "the connection broke off"


def trusting_only(certificate: str) -> dict[str, Any]:
    """Return the options of a pool that trusts just this certificate, for any name and date.

    Args:
        certificate: PEM; of several the first, which is the server's own.

    Raises:
        WhisklabError: it is no certificate.
    """
    found = _FIRST.search(certificate)
    pem = found[0] if found else ""
    try:
        context = ssl.create_default_context(cadata=pem or "none")
        der = ssl.PEM_cert_to_DER_cert(pem)
    except (ssl.SSLError, ValueError):
        raise WhisklabError("expected a certificate in PEM form") from None
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # its fingerprint is what is checked
    return {"ssl_context": context, "assert_fingerprint": hashlib.sha256(der).hexdigest()}
