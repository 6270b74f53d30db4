"""A registry, asked over HTTP: one login, one form of errors."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import urljoin, urlsplit

import urllib3

from whisklab.engine import limits
from whisklab.engine.registries.access import Access
from whisklab.engine.ssh.alive import Lost
from whisklab.errors import WhisklabError
from whisklab.images import sentences
from whisklab.images.answers import (
    DENIED,
    LATER,
    OK,
    UNAUTHORIZED,
    Cut,
    Refused,
    Reply,
    is_full,
    told,
    wait,
)  # fmt: skip
from whisklab.images.login import Login, subject
from whisklab.images.pieces import Parts

T = TypeVar("T")
ANSWERS_WITHIN = 120.0  # seconds; the last part of a blob waits for the disk of a small machine
STARTS_WITHIN = 10.0  # seconds; it is away for a moment when `images gc` has ended
POLL = 0.2
Body = bytes | Iterator[bytes] | None
_MOVED, _MOVES = {301, 302, 303, 307, 308}, 3
PAUSE = 1.0  # seconds before a second try


@dataclass
class Registry:
    """A registry.

    Attributes:
        access: to it; the host of its address is the name in its certificate.
        pool: its connections.
        login: what it has asked of the account.
        parts: what it takes at once.
        is_harbor: whether it is Harbor; None as long as it was not asked.
    """

    access: Access
    pool: urllib3.PoolManager
    login: Login = field(init=False, repr=False)
    parts: Parts = field(default_factory=Parts)
    is_harbor: bool | None = None

    def __post_init__(self) -> None:
        """Begin without a login."""
        self.login = Login(self.access, self._answer)

    def path(self, repository: str) -> str:
        """Return the path of a repository, without a slash at the end."""
        return f"/v2/{self.access.below}{repository}"

    def require_login(self) -> None:
        """Do nothing if it answers, and knows the account.

        Raises:
            Refused: it does not know the account.
            Cut: nobody answers, for some time.
        """
        until = time.monotonic() + STARTS_WITHIN
        while True:
            try:
                self.ask("GET", "/v2/", expected=(OK,))
            except Cut as cut:
                if time.monotonic() > until:
                    raise
                time.sleep(max(POLL, cut.after))
            else:
                self.login.is_known = True
                return

    def ask(
        self,
        method: str,
        path: str,
        *,
        expected: Collection[int],
        body: Body = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """Return the answer to one request.

        Args:
            method: such as GET.
            path: with its query.
            expected: the statuses that are good answers.
            body: sent as it is; of pieces the headers say the length.
            headers: further ones.

        Raises:
            Cut: there is no answer, or one that a later try may not get.
            Refused: it has another status; the sentence has what the registry says.
        """
        about, asked = subject(method, path), f"{method} {urlsplit(path).path}"

        def once() -> Reply:
            known = {**self.login.headers(about), **(headers or {})}
            return self._answer(method, self.access.url + path, known, body)

        answer = once()
        if answer.status == UNAUTHORIZED and UNAUTHORIZED not in expected:
            wanted = answer.headers.get("www-authenticate", "")
            if self.login.learn(about, wanted):
                if body is not None and not isinstance(body, bytes):
                    raise Cut(sentences.later(self.access, asked, "it wants another login"))
                answer = once()
        if answer.status not in expected:
            raise self._refusal(answer, asked)
        return answer

    def _answer(
        self, method: str, url: str, headers: Mapping[str, str], body: Body = None
    ) -> Reply:
        reply = self._one_answer(method, url, headers, body)
        for _ in range(_MOVES if method in {"GET", "HEAD"} else 0):
            url = urljoin(url, reply.headers.get("location", ""))
            if reply.status not in _MOVED or urlsplit(url).scheme != "https":
                break
            # Blobs may lie in a store of its own, whose URLs have a signature: it gets no login.
            rest = {name: value for name, value in headers.items() if name != "Authorization"}
            reply = self._one_answer(method, url, rest, None)
        return reply

    def _one_answer(self, method: str, url: str, headers: Mapping[str, str], body: Body) -> Reply:
        try:
            answer = self.pool.request(
                method, url, body=body, redirect=False, headers=headers,
                timeout=urllib3.Timeout(connect=limits.CONNECT_WITHIN, read=ANSWERS_WITHIN),
            )  # fmt: skip
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unanswered(error) from error
        found = {name.lower(): value for name, value in answer.headers.items()}
        return Reply(answer.status, found, answer.data)

    def _unanswered(self, error: Exception) -> WhisklabError:
        cause: BaseException | None = error
        while cause is not None:
            if isinstance(cause, ssl.SSLCertVerificationError):
                return WhisklabError(sentences.distrusted(self.access, cause.verify_message))
            if isinstance(cause, WhisklabError):  # of the tunnel
                return cause if isinstance(cause, Lost) else Cut(str(cause))
            cause = cause.__cause__ or cause.__context__
        return Cut(sentences.silent(self.access))

    def _refusal(self, answer: Reply, asked: str) -> WhisklabError:
        code, said = told(answer.data)
        why = f"{answer.status}: {said}" if said else f"status {answer.status}"
        if is_full(answer.status, said):
            sentence = sentences.full(self.access)
        elif answer.status in LATER:
            after = wait(answer, datetime.now(UTC))
            return Cut(sentences.later(self.access, asked, why), after)
        elif answer.status == UNAUTHORIZED and not self.login.is_known:
            sentence = sentences.unknown(self.access)
        elif answer.status in {UNAUTHORIZED, DENIED}:
            sentence = sentences.denied(self.access, asked, why)
        else:
            sentence = sentences.refused(self.access, asked, said or f"status {answer.status}")
        return Refused(sentence, answer.status, code, said)


def patiently(ask: Callable[[], T], tries: int = 3) -> T:
    """Return what `ask` says; once more when the connection was cut.

    Raises:
        Cut: each time.
    """
    for pause in range(1, tries):
        try:
            return ask()
        except Cut as cut:
            time.sleep(max(PAUSE * pause, cut.after))
    return ask()
