"""What OpenWhisk's API answers when it does not do what it is asked: errors, one sentence each."""

from __future__ import annotations

import json
from typing import Any

from whisklab.engine.ssh.http import Answer
from whisklab.errors import WhisklabError

UNAUTHORIZED, NOT_FOUND, CONFLICT = 401, 404, 409  # HTTP
THROTTLED, INTERNAL, BAD_GATEWAY, UNAVAILABLE, GATEWAY_TIMEOUT = 429, 500, 502, 503, 504
SHOWN = 300  # characters of what somebody else wrote


class NotReady(WhisklabError):
    """The API is there, and cannot do its work now."""


class Unauthorized(WhisklabError):
    """The API does not know the key."""


class Throttled(WhisklabError):
    """There were more calls than the namespace may make."""


class ActionFailed(WhisklabError):
    """The action was called, and ended with an error."""


class NotEnded(WhisklabError):
    """There is no record of a call yet."""


class Refused(WhisklabError):
    """The API refuses something: HTTP's `status`, and what it says."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def failure(name: str, record: dict[str, Any]) -> str:
    """Return why a call failed, as one sentence. Pure."""
    response = record.get("response") or {}
    result = response.get("result")
    why = result.get("error", result) if isinstance(result, dict) else result
    return f"the action {name} ended with {response.get('status', 'an error')}: {_short(why)}"


def require_ready(name: str, answer: Answer) -> None:
    """Do nothing unless an answer is about the platform, or the action, instead of the request.

    Args:
        name: of who answered, for sentences.
        answer: of any status.

    Raises:
        Throttled: there were too many calls.
        ActionFailed: OpenWhisk answers 502 for an action that failed, 500 for one that it could
            not start, with its record or an object with the error.
        NotReady: the API, or what stands before it, cannot do its work now.
    """
    if answer.status == THROTTLED:
        raise Throttled(
            f"{name} refuses further calls for more than a minute (429, {message(answer)}): "
            "raise openwhisk_invocations_per_minute or openwhisk_invocations_concurrent"
        )
    if answer.status not in {INTERNAL, BAD_GATEWAY, UNAVAILABLE, GATEWAY_TIMEOUT}:
        return
    found = _object(answer.text)
    if "response" in found:
        raise ActionFailed(failure(str(found.get("name", "?")), found))
    if answer.status == INTERNAL:
        return  # of the request, or it says which
    if answer.status == BAD_GATEWAY and "error" in found:
        raise ActionFailed(f"the action ended with an error: {_short(found['error'])}")
    raise NotReady(f"{name} is not ready ({answer.status}, {message(answer)}): wait, then again")


def message(answer: Answer) -> str:
    """Return what an answer says of itself. Pure."""
    said = _object(answer.text).get("error")
    return _short(said) if said else f"status {answer.status}"


def _object(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def is_plain(answer: Answer) -> bool:
    """Return whether a success names no entity, as that of switching a rule: the text OK. Pure."""
    return answer.headers.get("content-type", "").partition(";")[0].strip() == "text/plain"


def parsed(answer: Answer) -> Any:  # noqa: ANN401  whatever it answers
    """Return the JSON of an answer, None of an empty one. Pure.

    Raises:
        NotReady: it is something else, as of a proxy that has nobody to ask.
    """
    try:
        return json.loads(answer.text) if answer.text else None
    except ValueError as error:
        raise NotReady(f"OpenWhisk's API answers something else than JSON: {error}") from error


def _short(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return " ".join(text.split())[:SHOWN].rstrip(".")
