"""What a registry answers over HTTP, and which of that are errors. Pure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urlsplit

from whisklab.errors import WhisklabError

OK, UNAUTHORIZED, DENIED, NOT_FOUND, OUT_OF_RANGE, SERVER_ERROR = 200, 401, 403, 404, 416, 500
NOT_ALLOWED, TOO_LARGE, NOT_IMPLEMENTED = 405, 413, 501
# A later try may do: time-outs of a front end, a registry that starts or has too much to do.
LATER = frozenset({408, 429, 502, 503, 504})
LONGEST_WAIT = 60.0  # seconds; who wants more is asked again before
FULL = "no space left on device"  # ENOSPC, in the words of Go, within an answer 500
_FULL_STATUS = 507


class Cut(WhisklabError):
    """No answer came: the connection broke off, or nobody is there (now).

    Args:
        sentence: on it.
        after: seconds for which the registry wants to be left alone.
    """

    def __init__(self, sentence: str, after: float = 0.0) -> None:
        super().__init__(sentence)
        self.after = after


class Refused(WhisklabError):
    """The registry answered with an error.

    Args:
        sentence: on it.
        status: of HTTP.
        code: of the registries' specification, "" for none.
        said: by the registry itself.
    """

    def __init__(self, sentence: str, status: int, code: str, said: str = "") -> None:
        super().__init__(sentence)
        self.status, self.code, self.said = status, code, said or f"status {status}"


@dataclass(frozen=True)
class Reply:
    """What the registry answered; the names of headers are in lower case."""

    status: int
    headers: Mapping[str, str]
    data: bytes

    @property
    def location(self) -> str:
        """Path and query of where it goes on.

        Its host and scheme are those of how the registry sees itself, the connection is ours.
        """
        parts = urlsplit(self.headers.get("location", ""))
        return parts.path + (f"?{parts.query}" if parts.query else "")


def wait(reply: Reply, now: datetime) -> float:
    """Return the seconds for which an answer asks to be left alone, at most LONGEST_WAIT. Pure.

    Retry-After is a number of seconds or a date (RFC 9110, 10.2.3); what is neither is none.
    """
    text = reply.headers.get("retry-after", "").strip()
    try:
        seconds = float(text) if text.isdigit() else (_date(text) - now).total_seconds()
    except (ValueError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), LONGEST_WAIT)


def _date(text: str) -> datetime:
    found = parsedate_to_datetime(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def is_full(status: int, said: str) -> bool:
    """Tell whether an answer says that the registry's disk is full. Pure."""
    return status == _FULL_STATUS or (status >= SERVER_ERROR and FULL in said)


def told(data: bytes) -> tuple[str, str]:
    """Return code and sentence of an error, as the specification has them; "" for neither."""
    try:
        first: dict[str, Any] = json.loads(data)["errors"][0]
        detail = json.dumps(first["detail"]) if first.get("detail") else ""
        return str(first.get("code", "")), " ".join(
            each for each in (str(first.get("message") or ""), detail) if each
        )
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return "", ""  # such as the HTML page of a front end
