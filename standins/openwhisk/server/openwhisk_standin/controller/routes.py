"""The paths of the REST API, below /api/v1/namespaces."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

from openwhisk_standin.controller import actions, activations, packages, triggers
from openwhisk_standin.controller.action_routes import ActionRoutes
from openwhisk_standin.controller.actions import Actions
from openwhisk_standin.controller.activations import Activations
from openwhisk_standin.controller.asked import Asked, not_allowed
from openwhisk_standin.controller.entities import Entities, shown
from openwhisk_standin.controller.firing import Firing
from openwhisk_standin.controller.invoking import Invocations
from openwhisk_standin.controller.refusals import missing
from openwhisk_standin.controller.subjects import User
from openwhisk_standin.web import Request, Response, as_json, as_text


class Routes:
    """The collections of a namespace."""

    def __init__(
        self,
        store: Entities,
        every: Actions,
        records: Activations,
        invocations: Invocations,
        firing: Firing,
    ) -> None:
        """Take what they work with."""
        self._store = store
        self._actions = every
        self._records = records
        self._firing = firing
        self._collections: dict[str, Callable[[Asked], Response]] = {
            "actions": ActionRoutes(store, every, invocations).answer,
            "packages": self._package,
            "triggers": self._trigger,
            "rules": self._rule,
            "activations": self._activation,
        }

    def answer(self, request: Request, user: User, parts: list[str]) -> Response:
        """Answer a request for [NAMESPACE/COLLECTION/...].

        Raises:
            Refusal: it cannot be done.
        """
        if not parts:
            return as_json([user.namespace])
        if len(parts) == 1 or parts[1] not in self._collections:
            raise missing()
        namespace = user.namespace if parts[0] == "_" else parts[0]
        asked = Asked(request, user, namespace, [name for name in parts[2:] if name])
        return self._collections[parts[1]](asked)

    def _package(self, asked: Asked) -> Response:
        request = asked.request
        if not asked.names:
            found = packages.listed(
                self._store, asked.namespace, public=not asked.own, **asked.page()
            )
            return as_json(found)
        if len(asked.names) > 1:
            raise missing()
        match request.method:
            case "GET":
                asked.must_read(self._store, asked.names[0])
                return as_json(packages.whole(self._store, asked.full))
            case "PUT":
                asked.must_own()
                name, body = asked.names[0], asked.body()
                overwrite = request.flag("overwrite")
                return as_json(
                    packages.save(self._store, asked.namespace, name, body, overwrite=overwrite)
                )
            case "DELETE":
                asked.must_own()
                found_one = self._store.get(packages.KIND, asked.full)
                if not found_one["binding"]:
                    actions.remove_all(self._store, asked.full, force=request.flag("force"))
                self._store.delete(found_one)
                return as_json(shown(found_one))
        raise not_allowed()

    def _trigger(self, asked: Asked) -> Response:
        asked.must_own()
        if not asked.names:
            return as_json(
                triggers.listed(self._store, triggers.TRIGGER, asked.namespace, **asked.page())
            )
        name = asked.names[0]
        match asked.request.method:
            case "GET":
                return as_json(shown(self._store.get(triggers.TRIGGER, asked.full)))
            case "PUT":
                overwrite = asked.request.flag("overwrite")
                body = asked.body()
                return as_json(
                    triggers.save(self._store, asked.namespace, name, body, overwrite=overwrite)
                )
            case "POST":
                trigger = self._store.get(triggers.TRIGGER, asked.full)
                fired = self._firing.fire(asked.user, trigger, asked.body())
                if fired is None:
                    return Response(HTTPStatus.NO_CONTENT)
                return as_json({"activationId": fired}, HTTPStatus.ACCEPTED)
            case "DELETE":
                found = self._store.get(triggers.TRIGGER, asked.full)
                self._store.delete(found)
                return as_json(shown(found))
        raise not_allowed()

    def _rule(self, asked: Asked) -> Response:
        asked.must_own()
        if not asked.names:
            return as_json(
                triggers.listed(self._store, triggers.RULE, asked.namespace, **asked.page())
            )
        match asked.request.method:
            case "GET":
                return as_json(triggers.rule(self._store, asked.full))
            case "PUT":
                return as_json(
                    triggers.save_rule(
                        self._store,
                        self._actions,
                        asked.namespace,
                        asked.names[0],
                        asked.body(),
                        overwrite=asked.request.flag("overwrite"),
                    )
                )
            case "POST":
                triggers.switch(self._store, asked.full, asked.body().get("status"))
                return as_text("OK")
            case "DELETE":
                return as_json(triggers.delete_rule(self._store, asked.full))
        raise not_allowed()

    def _activation(self, asked: Asked) -> Response:
        asked.must_own()
        if asked.request.method != "GET":
            raise not_allowed()
        if not asked.names:
            found = self._records.listed(asked.namespace, asked.request.query, **asked.page())
            return as_json({"activations": len(found)} if asked.request.flag("count") else found)
        record = self._records.get(asked.namespace, asked.names[0])
        match asked.names[1:]:
            case []:
                return as_json(activations.extended(record))
            case ["result"]:
                return as_json(activations.response(record))
            case ["logs"]:
                return as_json({"logs": record["logs"]})
        raise missing()
