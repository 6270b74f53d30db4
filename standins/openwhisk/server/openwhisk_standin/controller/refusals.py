"""What is refused, in upstream's words: clients and tests know them."""

from __future__ import annotations

import secrets
import string
from http import HTTPStatus

from openwhisk_standin.web import Response, as_json

_LETTERS = string.ascii_letters + string.digits

NOT_THERE = "The requested resource does not exist."
EXISTS = "resource already exists"
OTHER_COLLECTION = "Resource by this name exists but is not in this collection."
CHANGED_MEANWHILE = "Concurrent modification to resource detected."
NO_KEY = "The resource requires authentication, which was not supplied with the request"
BAD_KEY = "The supplied authentication is invalid"
BAD_NAME = "The name of the entity contains illegal characters."
NOT_ALLOWED = "HTTP method not allowed, supported methods: {}"
PARAMETERS = "Request defines parameters that are not allowed (e.g., reserved properties)."
ON_BINDING = "Operation not permitted on package binding."
UNAVAILABLE = (
    "The server is currently unavailable (because it is overloaded or down for maintenance)."
)


class Refusal(Exception):
    """A request is refused with a status and a sentence."""

    def __init__(self, status: HTTPStatus, text: str) -> None:
        """Take both."""
        super().__init__(text)
        self.status = status
        self.text = text


def transaction() -> str:
    """Return a new number of a request."""
    return "".join(secrets.choice(_LETTERS) for _ in range(32))


def refused(status: HTTPStatus, text: str) -> Response:
    """Return a refusal as a response."""
    response = as_json({"error": text, "code": transaction()}, status)
    if status == HTTPStatus.UNAUTHORIZED:
        response.headers.append(("WWW-Authenticate", 'Basic realm="whisk rest service"'))
    return response


def bad(text: str) -> Refusal:
    """A request that cannot be done."""
    return Refusal(HTTPStatus.BAD_REQUEST, text)


def malformed(text: str) -> Refusal:
    """A body that says what it may not."""
    return bad(f"The request content was malformed:\n{text}")


def missing(text: str = NOT_THERE) -> Refusal:
    """Something is not there."""
    return Refusal(HTTPStatus.NOT_FOUND, text)


def conflict(text: str) -> Refusal:
    """Something is in the way."""
    return Refusal(HTTPStatus.CONFLICT, text)


def forbidden(what: str) -> Refusal:
    """The key is good, but not for this."""
    return Refusal(
        HTTPStatus.FORBIDDEN, f"The supplied authentication is not authorized to access '{what}'."
    )
