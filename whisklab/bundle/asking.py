"""Asking an upstream registry over HTTP, and what of its answers another try may mend."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import TypeVar

import httpx

from whisklab.bundle.names import ImageName
from whisklab.errors import WhisklabError
from whisklab.images.answers import LATER, Reply, told, wait
from whisklab.images.login import DEFAULT_LIFE

_TRIES = 4
_TRIES_LATER = 8  # of who is told to come back
_PAUSE = 1.0  # seconds before another try, if the registry does not say how many
T = TypeVar("T")


class _Later(WhisklabError):
    """Another try may do, after so many seconds as the registry says; 0 where it says none."""

    def __init__(self, sentence: str, after: float) -> None:
        super().__init__(sentence)
        self.after = after


def get(http: httpx.Client, url: str, headers: Mapping[str, str]) -> Reply:
    """Return the answer to one request, whatever its status.

    Raises:
        WhisklabError: there is none.
    """
    try:
        answer = http.get(url, headers=dict(headers))
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        said = str(error) or type(error).__name__
        raise _Later(f"{url} does not answer ({said}): run again with a network", 0.0) from error
    found = {key.lower(): value for key, value in answer.headers.items()}
    return Reply(answer.status_code, found, answer.content)


def refused(name: ImageName, url: str, answer: Reply) -> WhisklabError:
    """Return the error that an answer is. Pure."""
    said = told(answer.data)[1]
    sentence = f"{name}: {url} answers {answer.status}{f' ({said})' if said else ''}"
    if answer.status in LATER:
        after = wait(answer, datetime.now(UTC))
        return _Later(f"{sentence}: run again later, what was fetched stays", after)
    return WhisklabError(f"{sentence}: see that it may be read, or name a mirror (bundle_mirrors)")


def patiently(ask: Callable[[], T]) -> T:
    """Return what `ask` says; again where a later try may do, and a download goes on."""
    turn = 1
    while True:
        try:
            return ask()
        except WhisklabError as error:
            after, tries = _after(error, turn)
            if turn >= tries:
                raise
        time.sleep(after)
        turn += 1


def _after(error: WhisklabError, turn: int) -> tuple[float, int]:
    """Return how long to wait before another try, and how many tries there may be."""
    if isinstance(error, _Later):
        return (error.after, _TRIES_LATER) if error.after else (_PAUSE * turn, _TRIES)
    cause = error.__cause__  # of a download
    if isinstance(cause, httpx.HTTPStatusError):
        answer = cause.response
        headers = {key.lower(): value for key, value in answer.headers.items()}
        after = wait(Reply(answer.status_code, headers, b""), datetime.now(UTC))
        return after or _PAUSE * turn, _TRIES_LATER if answer.status_code in LATER else 0
    return _PAUSE * turn, _TRIES if isinstance(cause, httpx.TransportError) else 0


def given(data: bytes) -> tuple[str, float]:
    """Return a token and how many seconds it lasts; "" for none."""
    with suppress(ValueError, TypeError, AttributeError):
        found = json.loads(data)
        text = str(found.get("token") or found.get("access_token") or "")
        return text, max(float(found.get("expires_in") or DEFAULT_LIFE), 1.0)
    return "", DEFAULT_LIFE
