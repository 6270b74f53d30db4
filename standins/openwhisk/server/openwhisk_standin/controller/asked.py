"""A request of a user for something of a namespace."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus

from openwhisk_standin.controller import packages
from openwhisk_standin.controller.entities import Entities
from openwhisk_standin.controller.refusals import Refusal, bad, forbidden, malformed
from openwhisk_standin.controller.subjects import User
from openwhisk_standin.values import Doc
from openwhisk_standin.web import Request

_LISTED, _MOST = 30, 200


@dataclass(frozen=True)
class Asked:
    """A request of a user, below /api/v1/namespaces/NAMESPACE/COLLECTION/."""

    request: Request
    user: User
    namespace: str
    names: list[str]

    @property
    def full(self) -> str:
        """The full name of what is asked for."""
        return "/".join([self.namespace, *self.names])

    @property
    def own(self) -> bool:
        """Whether it is the user's own namespace."""
        return self.namespace == self.user.namespace

    def body(self) -> Doc:
        """Return the body's object; none is an empty one.

        Raises:
            Refusal: it is no JSON object.
        """
        try:
            found = json.loads(self.request.body or b"{}")
        except ValueError as error:
            raise malformed(str(error)) from error
        if not isinstance(found, dict):
            raise malformed("Object expected")
        return found

    def page(self) -> dict[str, int]:
        """Return how many entries of a list are asked for.

        Raises:
            Refusal: too many, or no number.
        """
        try:
            limit = int(self.request.query.get("limit", _LISTED))
            skip = int(self.request.query.get("skip", 0))
        except ValueError as error:
            raise bad("The value is not an integer for limit or skip.") from error
        if not 0 <= limit <= _MOST or skip < 0:
            raise bad(f"The value '{limit}' is not in the range of 0 to {_MOST} for the list.")
        return {"limit": limit or _MOST, "skip": skip}

    def must_own(self) -> None:
        """Confirm that it is the user's own namespace.

        Raises:
            Refusal: it is another's.
        """
        if not self.own:
            raise forbidden(self.full)

    def must_read(self, store: Entities, package: str) -> None:
        """Confirm that the user may read and run it: a stranger's, in a public package.

        Raises:
            Refusal: the user may not.
        """
        if self.own:
            return
        found = store.look(packages.KIND, f"{self.namespace}/{package}") if package else None
        if found is None or not found["publish"]:
            raise forbidden(self.full)


def not_allowed() -> Refusal:
    """A method that a path does not have."""
    return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "HTTP method not allowed")
