"""How one is known to a registry: by name and password, or by tokens for which these are given.

A registry says in its answer 401 which of both it wants, and where tokens are given and for what
(distribution's "Token Authentication Specification", RFC 6750). What was learned of a repository is
sent with its next requests, since the bytes of a part are not sent twice for a refusal.
"""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlencode, urlsplit

from whisklab.engine.registries.access import Access
from whisklab.errors import WhisklabError
from whisklab.images import sentences
from whisklab.images.answers import DENIED, OK, UNAUTHORIZED, Refused, Reply

DEFAULT_LIFE = 60.0  # seconds; of a token that does not say how long it lasts
_USED_FOR = 0.75  # of its life; it must still be good when the registry looks at it
_PARAMETER = re.compile(r'([a-zA-Z_]+)="([^"]*)"')
_BEARER, _BASIC = (re.compile(rf"(?i)(?:^|,)\s*{scheme}\s") for scheme in ("bearer", "basic"))
_REPOSITORY = re.compile(r"/v2/(?P<repository>.+)/(?:blobs|manifests|tags)/.*")
Send = Callable[[str, str, Mapping[str, str]], Reply]  # method, URL, headers


@dataclass(frozen=True)
class Challenge:
    """What a registry wants.

    Attributes:
        realm: the URL where tokens are given; "" for name and password.
        service: the registry's name there.
        scope: what the token must be good for.
    """

    realm: str = ""
    service: str = ""
    scope: str = ""


@dataclass(frozen=True)
class _Token:
    text: str = field(repr=False)
    wanted: Challenge
    until: float  # of time.monotonic()


def challenge(header: str) -> Challenge | None:
    """Return what a header WWW-Authenticate asks for, None when it is nothing known. Pure."""
    bearer = _BEARER.search(header)
    if bearer:
        found: dict[str, str] = {}
        for name, value in _PARAMETER.findall(header, bearer.end()):
            found.setdefault(name.lower(), value)  # a further scheme may follow
        if "realm" in found:
            return Challenge(found["realm"], found.get("service", ""), found.get("scope", ""))
    return Challenge() if _BASIC.search(header) else None


def subject(method: str, path: str) -> str:
    """Return for what a request needs a right: a repository, and whether it changes it. Pure."""
    found = _REPOSITORY.fullmatch(urlsplit(path).path)
    kind = {"GET": "reads", "HEAD": "reads", "DELETE": "deletes"}.get(method, "writes")
    return f"{kind} {found['repository']}" if found else urlsplit(path).path


class Login:
    """What a registry wants of an account, and has given to it.

    Args:
        access: to the registry.
        send: asks its token service.
    """

    def __init__(self, access: Access, send: Send) -> None:
        self._access, self._send = access, send
        self._ways: dict[str, _Token | Challenge] = {}
        self._first: Challenge | None = None
        self.is_known = False  # the registry has let the account in

    def headers(self, about: str) -> dict[str, str]:
        """Return what goes with a request.

        Args:
            about: its `subject`.

        Raises:
            WhisklabError: no token is given.
        """
        way = self._ways.get(about)
        if way is None and self._first is not None and not self._first.realm:
            way = self._first
        if isinstance(way, _Token) and time.monotonic() > way.until:
            way = self._ways[about] = self._token(way.wanted)
        if isinstance(way, _Token):
            return {"Authorization": f"Bearer {way.text}"}
        return {} if way is None else basic(self._access)

    def learn(self, about: str, header: str) -> bool:
        """Return whether a request that was refused is worth another try, by what was learned.

        Args:
            about: its `subject`.
            header: WWW-Authenticate of the answer.

        Raises:
            WhisklabError: no token is given.
        """
        wanted, way = challenge(header), self._ways.get(about)
        if isinstance(way, _Token) and (wanted is None or not wanted.realm):
            wanted = way.wanted  # it has ended before its time
        if wanted is None or wanted == way or (not wanted.realm and not self._access.account):
            return False
        if not wanted.realm and "Authorization" in self.headers(about):
            return False
        self._first = self._first or wanted
        self._ways[about] = self._token(wanted) if wanted.realm else wanted
        return True

    def _token(self, wanted: Challenge) -> _Token:
        if urlsplit(wanted.realm).scheme != "https":
            raise WhisklabError(sentences.plain_realm(self._access, wanted.realm))
        asked = {"service": wanted.service, "scope": wanted.scope, "account": self._access.account}
        joint = "&" if "?" in wanted.realm else "?"
        query = urlencode({name: value for name, value in asked.items() if value})
        answer = self._send(
            "GET", f"{wanted.realm}{joint}{query}",
            basic(self._access) if self._access.account else {},
        )  # fmt: skip
        if answer.status in {UNAUTHORIZED, DENIED}:
            raise Refused(sentences.unknown(self._access), answer.status, "")
        text, life = _given(answer)
        if not text:
            said = f"status {answer.status}, and no token"
            raise WhisklabError(sentences.refused(self._access, f"GET {wanted.realm}", said))
        return _Token(text, wanted, time.monotonic() + _USED_FOR * life)


def _given(answer: Reply) -> tuple[str, float]:
    """Return a token and how many seconds it lasts; "" for none."""
    try:
        found = json.loads(answer.data)
        text = str(found.get("token") or found.get("access_token") or "")
        life = float(found.get("expires_in") or DEFAULT_LIFE)
    except (ValueError, TypeError, AttributeError):
        return "", DEFAULT_LIFE
    return (text if answer.status == OK else ""), max(life, 1.0)


class Known(Protocol):
    """Who has an account and its password."""

    @property
    def account(self) -> str:
        """Its name."""

    @property
    def password(self) -> str:
        """Of it."""


def basic(access: Known) -> dict[str, str]:
    """Return the header of a login by name and password. Pure."""
    pair = base64.b64encode(f"{access.account}:{access.password}".encode()).decode()
    return {"Authorization": f"Basic {pair}"}
