"""How a build is known to registries: by tokens, which most of them give anybody, or an account."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx

from whisklab.bundle import asking
from whisklab.bundle.names import ImageName
from whisklab.errors import WhisklabError
from whisklab.images.answers import DENIED, OK, UNAUTHORIZED
from whisklab.images.login import basic, challenge

PLAIN = ("localhost", "127.0.0.1", "::1")  # as everywhere, these need no TLS
_USED_FOR = 0.75  # of a token's life
_ANYBODY = 3600.0  # seconds after which a registry that wants nothing is asked again


@dataclass(frozen=True)
class Account:
    """Of somebody at a registry.

    Attributes:
        account: its name.
        password: of it.
        file: where that is on the laptop, for sentences.
    """

    account: str
    password: str = field(repr=False)
    file: str

    def unknown(self, name: ImageName, url: str) -> WhisklabError:
        """Return the error that a registry does not take it. Pure."""
        return WhisklabError(
            f"{name}: {url} does not take the account {self.account} with the password in "
            f"{self.file}: put it right there, or the name in bundle_accounts"
        )


@dataclass
class _Token:
    header: Mapping[str, str] = field(repr=False)
    until: float  # of time.monotonic()


class Tokens:
    """What was given for each repository; several threads may ask.

    Args:
        http: returns the client.
    """

    def __init__(self, http: Callable[[], httpx.Client]) -> None:
        self._http = http
        self._known: dict[str, _Token] = {}
        self._lock = threading.Lock()

    def header(self, name: ImageName, base: str, account: Account | None) -> Mapping[str, str]:
        """Return what a request needs beside itself.

        Args:
            name: whose repository is read.
            base: the URL of the registry that is asked.
            account: there; None for nobody's.

        Raises:
            WhisklabError: the registry wants an account, or does not take this one.
        """
        key = f"{name.registry}/{name.repository}"
        with self._lock:  # several blobs of an image want one token
            known = self._known.get(key)
            if known is None or time.monotonic() > known.until:
                known = self._known[key] = self._given(name, f"{base}/v2/", account)
            return known.header

    def forget(self, name: ImageName) -> None:
        """Have no token for a repository, as one may end before its time."""
        with self._lock:
            self._known.pop(f"{name.registry}/{name.repository}", None)

    def _given(self, name: ImageName, url: str, account: Account | None) -> _Token:
        answer = asking.get(self._http(), url, {})
        wanted = challenge(answer.headers.get("www-authenticate", ""))
        if answer.status != UNAUTHORIZED or wanted is None:
            return _Token({}, time.monotonic() + _ANYBODY)
        login = _login(name, wanted.realm or url, account) if account else {}
        if wanted.realm:
            asked = {"service": wanted.service, "scope": f"repository:{name.repository}:pull"}
            return self._token(name, wanted.realm, asked, login, account)
        if account is None:
            raise WhisklabError(
                f"{name}: {url} wants an account: name it in bundle_accounts, or a registry that "
                "everybody may read (bundle_mirrors)"
            )
        return _Token(login, time.monotonic() + _ANYBODY)

    def _token(
        self, name: ImageName, realm: str, asked: Mapping[str, str], login: Mapping[str, str],
        account: Account | None,
    ) -> _Token:  # fmt: skip
        url = str(httpx.URL(realm).copy_merge_params(dict(asked)))
        answer = asking.get(self._http(), url, login)
        if account and answer.status in {UNAUTHORIZED, DENIED}:
            raise account.unknown(name, realm)
        text, life = asking.given(answer.data)
        if answer.status != OK or not text:
            raise asking.refused(name, realm, answer)
        header = {"Authorization": f"Bearer {text}"}
        return _Token(header, time.monotonic() + _USED_FOR * life)


def _login(name: ImageName, url: str, account: Account) -> Mapping[str, str]:
    parts = urlsplit(url)
    if parts.scheme != "https" and parts.hostname not in PLAIN:
        raise WhisklabError(
            f"{name}: {url} is reached without TLS and would show the password of "
            f"{account.account} to everybody on the way: name another registry (bundle_mirrors)"
        )
    return basic(account)
