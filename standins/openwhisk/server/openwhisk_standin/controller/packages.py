"""Packages and bindings of packages."""

from __future__ import annotations

from openwhisk_standin.controller import entities
from openwhisk_standin.controller.entities import Entities, merged, shown
from openwhisk_standin.controller.refusals import Refusal, bad, conflict
from openwhisk_standin.values import Doc

KIND = "package"
_RESERVED = ("default",)


def save(store: Entities, namespace: str, name: str, request: Doc, *, overwrite: bool) -> Doc:
    """Create or change a package; ``binding`` makes it one to another.

    Raises:
        Refusal: the request is no good, or the package is there.
    """
    entities.checked_name(name)
    if name in _RESERVED:
        raise bad(f"Package name '{name}' is reserved.")

    def make(old: Doc | None) -> Doc:
        doc = entities.common(namespace, name, request, old)
        doc["binding"] = _binding(store, namespace, request.get("binding") or {}, old)
        kept = [each for each in doc["annotations"] if each["key"] != "binding"]
        bound = [{"key": "binding", "value": doc["binding"]}] if doc["binding"] else []
        doc["annotations"] = kept + bound
        return doc

    return shown(store.save(KIND, f"{namespace}/{name}", make, overwrite=overwrite))


def _binding(store: Entities, namespace: str, wanted: Doc, old: Doc | None) -> Doc:
    if not wanted:
        return dict((old or {}).get("binding", {}))
    if old is not None and not old["binding"]:
        raise conflict("Resource is a package and cannot be converted into a binding.")
    given = wanted.get("namespace", "_")
    where = {"namespace": namespace if given == "_" else given, "name": wanted.get("name", "")}
    try:
        found = store.get(KIND, f"{where['namespace']}/{where['name']}")
    except Refusal as error:
        raise bad("Binding references a package that does not exist.") from error
    if not found["publish"] and where["namespace"] != namespace:
        raise bad("Binding references a package that does not exist.")
    if found["binding"]:
        raise bad("Cannot bind to another package binding.")
    return where


def resolved(store: Entities, full: str) -> Doc:
    """Return a package; a binding with the parameters of what it is bound to below its own.

    Raises:
        Refusal: it is not there.
    """
    found = store.get(KIND, full)
    if not found["binding"]:
        return found
    bound = store.get(KIND, f"{found['binding']['namespace']}/{found['binding']['name']}")
    return {**found, "parameters": merged(bound["parameters"], found["parameters"])}


def whole(store: Entities, full: str) -> Doc:
    """Return a package with short forms of its actions.

    Raises:
        Refusal: it is not there.
    """
    found = resolved(store, full)
    bound = found["binding"]
    place = f"{bound['namespace']}/{bound['name']}" if bound else full
    inside = store.listed("action", {"namespace": place}, limit=1_000_000, skip=0)
    fields = ("name", "version", "annotations", "parameters", "limits", "updated")
    actions = [{key: each[key] for key in fields} for each in inside]
    feeds = [each for each in actions if entities.value_of(each["annotations"], "feed")]
    others = [each for each in actions if each not in feeds]
    return {**shown(found), "actions": others, "feeds": feeds}


def listed(store: Entities, namespace: str, *, public: bool, limit: int, skip: int) -> list[Doc]:
    """Return short forms of the packages of a namespace; those of another's are the public ones."""
    selector: Doc = {"namespace": namespace} | ({"publish": True, "binding": {}} if public else {})
    fields = ("namespace", "name", "version", "publish", "annotations", "updated")
    return [
        {key: doc[key] for key in fields} | {"binding": doc["binding"] or False}
        for doc in store.listed(KIND, selector, limit=limit, skip=skip)
    ]


def not_empty(count: int) -> Refusal:
    """A package that is to be deleted has entities in it."""
    what = "entity" if count == 1 else "entities"
    return conflict(
        f"Package not empty (contains {count} {what}). Set force param or delete package contents."
    )
