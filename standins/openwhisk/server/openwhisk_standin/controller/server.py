"""The controller's server: who asks, what for, and the answers to those who ask wrongly."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus
from urllib.parse import unquote, urlsplit

from openwhisk_standin.calls import Unreachable
from openwhisk_standin.controller.actions import Actions
from openwhisk_standin.controller.activations import Activations
from openwhisk_standin.controller.balancer import HEALTHY, Balancer
from openwhisk_standin.controller.entities import Entities
from openwhisk_standin.controller.firing import Firing
from openwhisk_standin.controller.invoking import Invocations, message
from openwhisk_standin.controller.limits import Limits
from openwhisk_standin.controller.refusals import (
    NOT_THERE,
    UNAVAILABLE,
    Refusal,
    missing,
    refused,
)
from openwhisk_standin.controller.routes import Routes
from openwhisk_standin.controller.subjects import Subjects, User
from openwhisk_standin.controller.webactions import WebActions
from openwhisk_standin.documents import Documents, StoreError, couchdb
from openwhisk_standin.life import say
from openwhisk_standin.manifest import Manifest
from openwhisk_standin.topics import kafka
from openwhisk_standin.values import BadSetting, Doc, own_ordinal, setting
from openwhisk_standin.web import Handler, Request, Response, as_json, as_text

_DATABASES = "CONFIG_whisk_couchdb_databases_"
_ANYWHERE = [
    ("Access-Control-Allow-Origin", "*"),
    (
        "Access-Control-Allow-Headers",
        "Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent",
    ),
    ("Access-Control-Allow-Methods", "GET, DELETE, POST, PUT, HEAD"),
]
_HEALTH_TEST = "invokerHealthTestAction0"


class Controller:
    """All of the API."""

    def __init__(self) -> None:
        """Read the environment.

        Raises:
            BadSetting: it lacks something.
        """
        store = couchdb()
        self._manifest = Manifest.from_environment()
        self._limits = Limits.from_environment()
        default = self._manifest.resolve("nodejs:default")
        if default is None:
            raise BadSetting(
                "RUNTIMES_MANIFEST has no default nodejs kind, with which invokers are tested"
            )
        self._test_kind = default.kind
        entities, records, subjects = (
            Documents(store, setting(_DATABASES + name))
            for name in ("WhiskEntity", "WhiskActivation", "WhiskAuth")
        )
        self._subjects = Subjects(subjects)
        self._balancer = Balancer(kafka(), own_ordinal(), self._test)
        actions = Actions(Entities(entities), self._manifest, self._limits)
        activations = Activations(records)
        invocations = Invocations(actions, activations, self._balancer, self._limits)
        firing = Firing(actions, activations, invocations, self._limits)
        self._routes = Routes(Entities(entities), actions, activations, invocations, firing)
        self._web = WebActions(actions, self._subjects, invocations)

    def begin(self) -> Handler:
        """Begin to follow the invokers; returns what answers requests."""
        self._balancer.begin()
        return self.answer

    def answer(self, request: Request) -> Response:
        """Answer a request."""
        try:
            parts = [unquote(part) for part in urlsplit(request.target).path.strip("/").split("/")]
            return self._dispatch(request, [part for part in parts if part])
        except Refusal as refusal:
            return refused(refusal.status, refusal.text)
        except (Unreachable, StoreError) as error:
            say(f"{request.method} {request.path}: {error}")
            return refused(HTTPStatus.SERVICE_UNAVAILABLE, UNAVAILABLE)

    def _dispatch(self, request: Request, parts: list[str]) -> Response:
        match parts:
            case ["api", "v1", "web", *rest]:
                return self._web.answer(request, rest)
            case ["api", "v1", "namespaces", *rest]:
                if request.method == "OPTIONS":
                    return Response(headers=list(_ANYWHERE))
                user = self._subjects.authenticated(request.headers.get("authorization"))
                response = self._routes.answer(request, user, rest)
                response.headers.extend(_ANYWHERE)
                return response
        if request.method not in ("GET", "HEAD"):
            raise missing()
        found = self._internal().get("/".join(parts))
        if found is None:
            raise missing(NOT_THERE)
        return found()

    def _internal(self) -> dict[str, Callable[[], Response]]:
        health = self._balancer.health()
        healthy = sum(status == HEALTHY for status in health.values())
        return {
            "": lambda: as_json(self._about()),
            "ping": lambda: as_text("pong"),
            "api/v1": lambda: as_json(_version()),
            "invokers": lambda: as_json(health),
            "invokers/healthy/count": lambda: as_json(healthy),
            "invokers/ready": lambda: as_json(
                {"healthy" if healthy else "unhealthy": f"{healthy}/{len(health)}"},
                HTTPStatus.OK if healthy else HTTPStatus.INTERNAL_SERVER_ERROR,
            ),
        }

    def _about(self) -> Doc:
        return {
            "description": "OpenWhisk (whisklab stand-in, not the real one)",
            "api_paths": ["/api/v1"],
            "limits": self._limits.summary(),
            "runtimes": self._manifest.summary(),
        }

    def _test(self) -> Doc:
        """Return the message of the action that shows whether an invoker works."""
        action = {
            "namespace": "whisk.system",
            "name": _HEALTH_TEST,
            "version": "0.0.1",
            "exec": {"kind": self._test_kind, "code": "function main() { return {} }"},
            "limits": {"timeout": 60000, "memory": self._limits.memory.least, "logs": 0},
            "parameters": [],
            "annotations": [{"key": "provide-api-key", "value": False}],
        }
        return {**message(User("whisk.system", "whisk.system", "", ""), action, {}), "test": True}


def _version() -> Doc:
    return {
        "description": "OpenWhisk API (whisklab stand-in, not the real one)",
        "api_version": "1.0.0",
        "api_version_path": "v1",
        "build": "standin",
        "buildno": setting("CONFIG_whisk_info_buildNo", "standin"),
    }
