"""Actions: stored, found through packages and bindings, with the parameters of all of them."""

from __future__ import annotations

from openwhisk_standin.controller import entities, packages
from openwhisk_standin.controller.entities import Entities, merged, pairs, shown, value_of
from openwhisk_standin.controller.execs import SEQUENCE, exec_of
from openwhisk_standin.controller.limits import Limits
from openwhisk_standin.controller.refusals import ON_BINDING, PARAMETERS, Refusal, bad
from openwhisk_standin.manifest import Manifest
from openwhisk_standin.values import Doc

KIND = "action"


def root(namespace: str) -> str:
    """Return the user's part of a namespace that may name a package too."""
    return namespace.partition("/")[0]


class Actions:
    """All actions."""

    def __init__(self, store: Entities, manifest: Manifest, limits: Limits) -> None:
        """Take what they are checked against."""
        self._store = store
        self._manifest = manifest
        self._limits = limits

    def save(self, namespace: str, name: str, request: Doc, *, overwrite: bool) -> Doc:
        """Create or change an action; ``namespace`` may be NAMESPACE/PACKAGE.

        Raises:
            Refusal: the request is no good, or the action is there, or its package is not.
        """
        entities.checked_name(name)
        self._package(namespace)
        full = f"{namespace}/{name}"

        def make(old: Doc | None) -> Doc:
            doc = entities.common(namespace, name, request, old)
            given = request.get("exec")
            doc["exec"] = (
                old["exec"]
                if old and given is None
                else exec_of(given, self._manifest, root(namespace))
            )
            doc["parameters"] = _parameters(doc, request, old)
            doc["limits"] = self._limits.of_action(request, (old or {}).get("limits", {}))
            doc["annotations"] = _annotations(request, old, doc["exec"]["kind"])
            self._sequence(full, doc["exec"].get("components", []))
            return doc

        return shown(self._store.save(KIND, full, make, overwrite=overwrite))

    def delete(self, namespace: str, name: str) -> Doc:
        """Delete an action and return it.

        Raises:
            Refusal: it is not there, or its package is a binding.
        """
        self._package(namespace)
        found = self._store.get(KIND, f"{namespace}/{name}")
        self._store.delete(found)
        return shown(found)

    def _package(self, namespace: str) -> None:
        if "/" in namespace and self._store.get(packages.KIND, namespace)["binding"]:
            raise bad(ON_BINDING)

    def resolved(self, full: str) -> Doc:
        """Return an action with the parameters of its package and binding merged below its own.

        Raises:
            Refusal: it is not there.
        """
        namespace, _, name = full.rpartition("/")
        if "/" not in namespace:
            return self._store.get(KIND, full)
        package = packages.resolved(self._store, namespace)
        bound = package["binding"]
        where = f"{bound['namespace']}/{bound['name']}" if bound else namespace
        action = self._store.get(KIND, f"{where}/{name}")
        parameters = merged(package["parameters"], action["parameters"])
        return {**action, "parameters": parameters} | ({"boundBy": namespace} if bound else {})

    def listed(self, namespace: str, package: str, *, limit: int, skip: int) -> list[Doc]:
        """Return short forms of the actions of a namespace or of one of its packages.

        Raises:
            Refusal: there is no such package.
        """
        if package:
            found = packages.resolved(self._store, f"{namespace}/{package}")["binding"]
            place = f"{found['namespace']}/{found['name']}" if found else f"{namespace}/{package}"
            selector: Doc = {"namespace": place}
        else:
            # '0' follows '/': all names that begin with NAMESPACE/.
            selector = {"_id": {"$gte": f"{namespace}/", "$lt": f"{namespace}0"}}
        return [_short(doc) for doc in self._store.listed(KIND, selector, limit=limit, skip=skip)]

    def _sequence(self, full: str, components: list[str]) -> None:
        if len(components) > self._limits.sequence:
            raise bad("Too many actions in the sequence.")
        for each in components:
            if each.strip("/") == full:
                raise bad("Sequence may not refer to itself.")
            try:
                self.resolved(each.strip("/"))
            except Refusal as error:
                raise bad("Sequence component does not exist.") from error


def invocable(action: Doc, payload: Doc, *, reserved: frozenset[str] = frozenset()) -> Doc:
    """Return the arguments of a call: the action's parameters below the call's.

    Those of a sequence have no effect: each component has its own.

    Raises:
        Refusal: the call sets what it may not.
    """
    if payload.keys() & (fixed(action) | reserved):
        raise bad(PARAMETERS)
    own = [] if action["exec"]["kind"] == SEQUENCE else action["parameters"]
    return {**entities.as_object(own), **payload}


def fixed(action: Doc) -> frozenset[str]:
    """Return the names of parameters that a call may not set: `final` ones."""
    if not value_of(action["annotations"], "final"):
        return frozenset()
    return frozenset(
        each["key"] for each in action["parameters"] if each["value"] not in (None, "")
    )


def without_code(doc: Doc) -> Doc:
    """Return an action without its code."""
    slim = {key: value for key, value in doc["exec"].items() if key != "code"}
    return {**doc, "exec": slim}


def _parameters(doc: Doc, request: Doc, old: Doc | None) -> list[Doc]:
    """A sequence has those that the controller gives it alone, and leaves them to nobody."""
    if doc["exec"]["kind"] == SEQUENCE:
        return [{"key": "_actions", "value": doc["exec"]["components"]}]
    was_sequence = old is not None and old["exec"]["kind"] == SEQUENCE
    return [] if was_sequence and "parameters" not in request else doc["parameters"]


def _annotations(request: Doc, old: Doc | None, kind: str) -> list[Doc]:
    found = pairs(request.get("annotations", []), "annotations")
    if old is not None:
        # Upstream loses the field when it resolves the components of a sequence.
        is_sequence = (request.get("exec") or {}).get("kind") == SEQUENCE
        gone = [] if is_sequence else request.get("delAnnotations") or []
        kept = [each for each in old["annotations"] if each["key"] not in gone]
        found = merged(kept, found)
    elif value_of(found, "provide-api-key") is None:
        found = [*found, {"key": "provide-api-key", "value": False}]
    return merged(found, [{"key": "exec", "value": kind}])


def _short(doc: Doc) -> Doc:
    fields = ("namespace", "name", "version", "publish", "annotations", "limits", "updated")
    return {key: doc[key] for key in fields} | {
        "exec": {"binary": doc["exec"].get("binary", False)}
    }


def remove_all(store: Entities, package: str, *, force: bool) -> None:
    """Delete the actions of a package that is to be deleted.

    Raises:
        Refusal: there are some, and ``force`` is not given.
    """
    found = store.listed(KIND, {"namespace": package}, limit=1_000_000, skip=0)
    if found and not force:
        raise packages.not_empty(len(found))
    for each in found:
        store.delete(each)
