"""The paths of actions."""

from __future__ import annotations

from http import HTTPStatus

from openwhisk_standin import codes
from openwhisk_standin.controller import activations
from openwhisk_standin.controller.actions import Actions, invocable, without_code
from openwhisk_standin.controller.asked import Asked, not_allowed
from openwhisk_standin.controller.entities import Entities, shown
from openwhisk_standin.controller.invoking import LONGEST_WAIT, Invocations
from openwhisk_standin.web import Response, as_json

_STATUS = {
    codes.SUCCESS: HTTPStatus.OK,
    codes.APPLICATION_ERROR: HTTPStatus.BAD_GATEWAY,
    codes.DEVELOPER_ERROR: HTTPStatus.BAD_GATEWAY,
    codes.WHISK_ERROR: HTTPStatus.INTERNAL_SERVER_ERROR,
}


class ActionRoutes:
    """What answers below /namespaces/NAMESPACE/actions."""

    def __init__(self, store: Entities, every: Actions, invocations: Invocations) -> None:
        """Take what it works with."""
        self._store = store
        self._actions = every
        self._invocations = invocations

    def answer(self, asked: Asked) -> Response:
        """Answer a request.

        Raises:
            Refusal: it cannot be done.
        """
        request, names = asked.request, asked.names
        folder = request.path.endswith("/")
        if not names or (folder and len(names) == 1):
            return self._list(asked, names[0] if names else "")
        package = asked.full.rpartition("/")[0]
        match request.method:
            case "GET":
                asked.must_read(self._store, _package(names))
                found = shown(self._actions.resolved(asked.full))
                return as_json(found if request.flag("code", default=True) else without_code(found))
            case "POST":
                return self._invoke(asked)
            case "PUT":
                asked.must_own()
                overwrite = request.flag("overwrite")
                return as_json(
                    self._actions.save(package, names[-1], asked.body(), overwrite=overwrite)
                )
            case "DELETE":
                asked.must_own()
                return as_json(self._actions.delete(package, names[-1]))
        raise not_allowed()

    def _list(self, asked: Asked, package: str) -> Response:
        if package:
            asked.must_read(self._store, package)
        else:
            asked.must_own()
        found = self._actions.listed(asked.namespace, package, **asked.page())
        return as_json({"actions": len(found)} if asked.request.flag("count") else found)

    def _invoke(self, asked: Asked) -> Response:
        asked.must_read(self._store, _package(asked.names))
        self._invocations.throttle(asked.user)
        action = self._actions.resolved(asked.full)
        request = asked.request
        wait = float(request.query.get("timeout", LONGEST_WAIT * 1000)) / 1000
        outcome = self._invocations.invoke(
            asked.user,
            action,
            invocable(action, asked.body()),
            min(wait, LONGEST_WAIT) if request.flag("blocking") else 0,
        )
        if outcome.record is None or not request.flag("blocking"):
            response = as_json({"activationId": outcome.activation}, HTTPStatus.ACCEPTED)
        else:
            record = outcome.record
            told = (
                record["response"].get("result")
                if request.flag("result")
                else activations.extended(record)
            )
            response = as_json(told, _STATUS[record["response"]["statusCode"]])
        response.headers.append(("X-Openwhisk-Activation-Id", outcome.activation))
        return response


def _package(names: list[str]) -> str:
    return names[0] if len(names) > 1 else ""
