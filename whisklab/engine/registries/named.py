"""A registry that a lab has already, such as Harbor, as the settings name it."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field

from whisklab.engine.data.secrets import SecretStore
from whisklab.engine.registries.access import Access
from whisklab.engine.urls import bracketed
from whisklab.errors import BadInput

HTTPS = 443
_WANTED = "expected https://HOST or https://HOST:PORT, without a path (that is registry_project)"


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ValueError(_WANTED) from None
    if parts.scheme == "http":
        raise ValueError(f"{_WANTED}: a password is not sent to where nothing is encrypted")
    plain = parts.path in {"", "/"} and not (parts.query or parts.fragment or "@" in parts.netloc)
    if parts.scheme != "https" or not host or not plain or any(map(str.isspace, value)):
        raise ValueError(_WANTED)
    return f"https://{bracketed(host)}" + (f":{port}" if port not in {None, HTTPS} else "")


Url = Annotated[str, AfterValidator(_url)]
# As a repository's name, of which it is the beginning.
_PART = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*"
Project = Annotated[str, Field(pattern=rf"^({_PART}(/{_PART})*)?$", max_length=128)]


def reached(
    url: str,
    account: str | None,
    secret: str,
    store: SecretStore,
    *,
    project: str = "",
    ca: str | None = None,
    mirrors: Sequence[str] = (),
) -> Access:
    """Return how the registry is reached.

    Args:
        url: of it.
        account: its name, None for nobody's.
        secret: the file of the store with the password.
        store: of the environment.
        project: below which all names lie.
        ca: path of its authority's certificate, None for one that everybody trusts.
        mirrors: in whose place it is asked.

    Raises:
        BadInput: the laptop lacks the password or the certificate, or what it has is neither.
    """
    return Access(
        url.removeprefix("https://"),
        account or "",
        password(store, secret, account, url) if account else "",
        None if ca is None else _authority(ca),
        mirrors,
        project,
        theirs=True,
        account_file=str(store.path(secret)),
        authority_file=ca or "",
    )


def password(store: SecretStore, name: str, account: str, url: str) -> str:
    """Return the password of an account.

    Args:
        store: of the environment.
        name: of the store's file that has it.
        account: whose it is, for sentences.
        url: of the registry, likewise.

    Raises:
        BadInput: the laptop lacks it, or what it has is none.
    """
    path, found = store.path(name), store.read(name)
    if found is None:
        raise BadInput(
            f"{path}: not there: write the password of the account {account} at {url} into it, "
            "readable for you alone (chmod 600)"
        )
    if not found.isprintable():
        raise BadInput(f"{path}: has more than a password in it: one line is expected")
    return found


def _authority(given: str) -> str:
    try:
        text = Path(given).expanduser().read_text().strip() + "\n"
        ssl.create_default_context(cadata=text)
    except (ssl.SSLError, ValueError):  # also what is no text
        raise BadInput(
            f"registry_ca: {given} is no certificate: one in PEM form is expected"
        ) from None
    except OSError as error:
        raise BadInput(f"registry_ca: {given} cannot be read: {error.strerror or error}") from None
    return text
