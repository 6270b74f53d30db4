"""A registry, asked over HTTP: one login, one form of errors."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import urlsplit

import urllib3

from whisklab.engine import limits
from whisklab.engine.access import Access
from whisklab.engine.alive import Lost
from whisklab.errors import WhisklabError
from whisklab.images import sentences
from whisklab.images.answers import UNAUTHORIZED, Cut, Refused, Reply, is_full, told
from whisklab.images.login import basic

T = TypeVar("T")
ANSWERS_WITHIN = 120.0  # seconds; the last part of a blob waits for the disk of a small machine
STARTS_WITHIN = 10.0  # seconds; it is away for a moment when `images gc` has ended
POLL = 0.2


@dataclass(frozen=True)
class Registry:
    """A registry.

    Attributes:
        access: to it; the host of its address is the name in its certificate.
        pool: its connections.
    """

    access: Access
    pool: urllib3.PoolManager

    def path(self, repository: str) -> str:
        """Return the path of a repository, without a slash at the end."""
        return f"/v2/{self.access.below}{repository}"

    def require_login(self) -> None:
        """Do nothing if it answers, and the account may push.

        Raises:
            Refused: it does not know the account.
            Cut: nobody answers, for some time.
        """
        until = time.monotonic() + STARTS_WITHIN
        while True:
            try:
                self.ask("GET", "/v2/", expected=(200,))
            except Cut:
                if time.monotonic() > until:
                    raise
                time.sleep(POLL)
            else:
                return

    def ask(
        self,
        method: str,
        path: str,
        *,
        expected: Collection[int],
        body: bytes | Iterator[bytes] | None = None,
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
            Cut: there is no answer.
            Refused: it has another status; the sentence has what the registry says.
        """
        try:
            answer = self.pool.request(
                method, self.access.url + path, body=body, redirect=False,
                headers={**basic(self.access), **(headers or {})},
                timeout=urllib3.Timeout(connect=limits.CONNECT_WITHIN, read=ANSWERS_WITHIN),
            )  # fmt: skip
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise self._unanswered(error) from error
        found = {name.lower(): value for name, value in answer.headers.items()}
        if answer.status not in expected:
            raise self._refusal(answer.status, answer.data, f"{method} {urlsplit(path).path}")
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

    def _refusal(self, status: int, data: bytes, asked: str) -> Refused:
        code, said = told(data)
        if status == UNAUTHORIZED:
            sentence = sentences.unknown(self.access)
        elif is_full(status, said):
            sentence = sentences.full(self.access)
        else:
            sentence = sentences.refused(self.access, asked, said or f"status {status}")
        return Refused(sentence, status, code)


def patiently(ask: Callable[[], T], tries: int = 3) -> T:
    """Return what `ask` says; once more when the connection was cut.

    Raises:
        Cut: each time.
    """
    for pause in range(1, tries):
        try:
            return ask()
        except Cut:
            time.sleep(pause)
    return ask()
