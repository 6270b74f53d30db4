"""What people have in a namespace, as a file holds it: nothing that belongs to one platform.

Source of the forms: apache/openwhisk's docs/rest_api.md and its core/controller's swagger file.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from whisklab.errors import BadInput

FORMAT: Literal["whisklab-actions"] = "whisklab-actions"
VERSION: Literal[1] = 1
COLLECTIONS = ("packages", "actions", "triggers", "rules")  # each needs those before it
SEQUENCE = "sequence"
HERE = "_"  # the namespace of the key
FEED = "feed"  # the annotation of a trigger that some provider fires
_CODE = ("kind", "code", "main", "image", "components")  # of an action's exec; the rest is derived
_DERIVED = {"actions": ("exec",), "packages": ("binding",)}  # annotations of the controller's own
Entity = dict[str, Any]
_PAIRS: dict[str, type] = {"name": str, "annotations": list, "parameters": list}
_SHAPES: dict[str, dict[str, type]] = {
    "packages": _PAIRS,
    "actions": {**_PAIRS, "exec": dict, "limits": dict},
    "triggers": _PAIRS,
    "rules": {"name": str, "trigger": str, "action": str, "status": str},
}


class Document(BaseModel):
    """A file of exported entities.

    Attributes:
        format: what kind of file it is.
        version: of that format.
        namespace: where the entities were; they may go to another one.
        packages: with `binding` where they stand for another package.
        actions: their name begins with that of their package, if they are in one.
        triggers: without what a provider knows of them.
        rules: which trigger calls which action, and whether it does.
    """

    model_config = ConfigDict(extra="forbid", strict=True)

    format: Literal["whisklab-actions"] = FORMAT
    version: Literal[1] = VERSION
    namespace: str
    packages: list[Entity] = []
    actions: list[Entity] = []
    triggers: list[Entity] = []
    rules: list[Entity] = []

    def of(self, collection: str) -> list[Entity]:
        """Return the entities of a collection, each after those that it needs."""
        found: list[Entity] = getattr(self, collection)
        if collection == "packages":  # one may stand for another one
            return sorted(found, key=lambda each: "binding" in each)
        return in_order(found, self.packages) if collection == "actions" else found


def read(text: str) -> Document:
    """Return the document that a file holds.

    Raises:
        BadInput: it holds something else; the sentence shows nothing of its content.
    """
    try:
        found = Document.model_validate(json.loads(text))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"])) or "it"
        raise BadInput(f"is no export of whisklab: {where}: {first['msg']}") from None
    except ValueError as error:
        raise BadInput(f"is no JSON: {error}") from None
    for collection in COLLECTIONS:
        for each in getattr(found, collection):
            for key, kind in _SHAPES[collection].items():
                if not isinstance(each.get(key), kind):
                    who = f"{collection}: {each.get('name', 'one without a name')}"
                    raise BadInput(f"is no export of whisklab: {who}: no {key} of the right form")
    return found


def full_name(entity: Mapping[str, Any]) -> str:
    """Return the name inside the namespace, with the package's before it. Pure."""
    _, _, package = str(entity.get("namespace", "")).partition("/")
    return f"{package}/{entity['name']}" if package else str(entity["name"])


def portable(collection: str, entity: Mapping[str, Any], namespace: str) -> Entity:
    """Return what the API says of an entity, without what belongs to this platform. Pure.

    Args:
        collection: one of COLLECTIONS.
        entity: as the API answers it.
        namespace: where it is; references into it become independent of its name.
    """
    if collection == "rules":
        ends = {end: _reference(entity[end], namespace) for end in ("trigger", "action")}
        notes = _pairs(entity.get("annotations") or [], ())
        status = entity.get("status", "active")
        rule = {"name": entity["name"], **ends, "status": status}
        return rule | ({"annotations": notes} if notes else {})
    found: Entity = {
        "name": full_name(entity),
        "annotations": _pairs(entity.get("annotations") or [], _DERIVED.get(collection, ())),
        "parameters": _pairs(entity.get("parameters") or [], ()),
    }
    if collection == "packages":
        found["publish"] = bool(entity.get("publish"))
        binding = entity.get("binding") or {}
        if binding:
            found["binding"] = {
                "namespace": _own(binding["namespace"], namespace), "name": binding["name"],
            }  # fmt: skip
    if collection == "actions":
        code = entity.get("exec") or {}
        found["exec"] = {key: code[key] for key in _CODE if code.get(key) not in (None, "")}
        found["limits"] = dict(entity.get("limits") or {})
        if code.get("kind") == SEQUENCE:
            there = code.get("components") or []
            found["exec"] = {
                "kind": SEQUENCE, "components": [_path(each, namespace) for each in there],
            }  # fmt: skip
        found = without_derived(collection, found)
    return found


def package_of(collection: str, entity: Entity) -> tuple[str, str] | None:
    """Return namespace and name of the package whose parameters the API shows too, or None. Pure.

    Args:
        collection: one of COLLECTIONS.
        entity: as a file holds it.
    """
    bound = entity.get("binding")
    if collection == "packages" and isinstance(bound, dict):
        return str(bound.get("namespace")), str(bound.get("name"))
    package, _, _ = str(entity["name"]).rpartition("/")
    return (HERE, package) if collection == "actions" and package else None


def without_inherited(entity: Entity, inherited: Sequence[Any]) -> Entity:
    """Return an entity without the parameters that the API shows of its package. Pure.

    Args:
        entity: as a file holds it.
        inherited: the package's parameters; the API adds no annotations.
    """
    own = [each for each in entity["parameters"] if each not in inherited]
    return {**entity, "parameters": own}


def without_derived(collection: str, entity: Entity) -> Entity:
    """Return a sequence without parameters: they are the controller's own `_actions`. Pure."""
    if collection != "actions" or entity["exec"].get("kind") != SEQUENCE:
        return entity
    return {**entity, "parameters": []}


def needs(collection: str, entity: Entity) -> list[str]:
    """Return what of the key's namespace an entity needs, such as `package tools`. Pure.

    Args:
        collection: one of COLLECTIONS.
        entity: as a file holds it.
    """
    paths: list[str] = []
    if collection == "packages" and (bound := entity.get("binding")):
        return [f"package {bound['name']}"] if bound["namespace"] == HERE else []
    if collection == "actions":
        paths = [f"/{HERE}/{entity['name']}", *entity["exec"].get("components", ())]
    found: list[str] = []
    if collection == "rules":
        found, paths = (
            [f"trigger {entity['trigger'].removeprefix(f'/{HERE}/')}"],
            [entity["action"]],
        )
    for path in paths:
        name = path.removeprefix(f"/{HERE}/")
        package, _, _ = name.rpartition("/")
        if path != name:
            found += [*([f"package {package}"] if package else []), f"action {name}"]
    return found


def of_kinds(document: Document, kinds: Mapping[str, str]) -> Document:
    """Return a document whose actions have other kinds. Pure.

    Args:
        document: as it was exported, with the kinds of that platform.
        kinds: the kind in the document to the one that is wanted.

    Raises:
        BadInput: no action is of such a kind.
    """
    there = {str(each["exec"].get("kind")) for each in document.actions}
    if unknown := sorted(kinds.keys() - there):
        raise BadInput(
            f"no action is of kind {', '.join(unknown)}; there are {', '.join(sorted(there))}"
        )

    def changed(action: Entity) -> Entity:
        kind = action["exec"].get("kind")
        return {**action, "exec": {**action["exec"], "kind": kinds.get(kind, kind)}}

    return document.model_copy(update={"actions": [changed(each) for each in document.actions]})


def is_same(wanted: Entity, there: Entity) -> bool:
    """Tell whether what is there is what is wanted. Pure.

    A limit that the file does not name is the platform's own.
    """
    limits = wanted.get("limits")
    if limits is not None:
        there = {**there, "limits": {key: there["limits"].get(key) for key in limits}}
    return wanted == there


def in_order(actions: Sequence[Entity], packages: Sequence[Entity] = ()) -> list[Entity]:
    """Return the actions, a sequence after its components, the rest as it comes. Pure.

    Args:
        actions: in any order.
        packages: through whose bindings a sequence may name what it consists of.

    Raises:
        BadInput: a sequence is part of itself.
    """
    known = {str(each["name"]): each for each in actions}
    bound = {
        str(each["name"]): str(each["binding"]["name"])
        for each in packages
        if (each.get("binding") or {}).get("namespace") == HERE
    }
    needs = {name: _components(each, bound) & known.keys() for name, each in known.items()}
    try:
        order = list(TopologicalSorter(needs).static_order())
    except CycleError as error:
        raise BadInput(f"the sequence {error.args[1][0]} is part of itself") from None
    return [known[name] for name in order]


def _components(action: Entity, bound: Mapping[str, str]) -> set[str]:
    components: Iterable[str] = action.get("exec", {}).get("components", ())
    found = set()
    for each in components:
        package, slash, name = each.removeprefix(f"/{HERE}/").rpartition("/")
        found.add(f"{bound.get(package, package)}{slash}{name}")
    return found


def _pairs(pairs: Iterable[Mapping[str, Any]], without: Sequence[Any]) -> list[dict[str, Any]]:
    kept = [dict(each) for each in pairs if each.get("key") not in without]
    return sorted(kept, key=lambda each: str(each.get("key")))


def _reference(found: Mapping[str, str] | str, namespace: str) -> str:
    path = found if isinstance(found, str) else f"/{found['path']}/{found['name']}"
    return _path(path, namespace)


def _path(path: str, namespace: str) -> str:
    space, _, rest = path.lstrip("/").partition("/")
    return f"/{_own(space, namespace)}/{rest}"


def _own(space: str, namespace: str) -> str:
    return HERE if space == namespace else space
