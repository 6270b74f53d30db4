"""Packages, actions, triggers and rules of a namespace, out of OpenWhisk and into it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from deploys.openwhisk.answers import CONFLICT, Refused
from deploys.openwhisk.api import OpenWhisk
from deploys.openwhisk.portable import (
    COLLECTIONS,
    FEED,
    Document,
    Entity,
    full_name,
    is_same,
    needs,
    package_of,
    portable,
    without_derived,
    without_inherited,
)

Report = Callable[[str], None]


class Outcome(StrEnum):
    """What becomes of an entity of a file."""

    CREATED = "created"
    REPLACED = "replaced"
    EQUAL = "equal"  # it was there already
    LEFT = "left"  # it is there and differs, and was not to be replaced
    REFUSED = "refused"


@dataclass
class Imported:
    """What became of the entities of a file.

    Attributes:
        names: of them, such as `action hello`, by what became of them.
        refusals: what OpenWhisk says of those that it refused, one sentence each.
        notes: what is not restored, one sentence each.
    """

    names: dict[Outcome, list[str]] = field(default_factory=lambda: {each: [] for each in Outcome})
    refusals: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def export(client: OpenWhisk, report: Report) -> Document:
    """Return all that the key's namespace has; nothing is changed.

    Args:
        client: of the API.
        report: hears what is read.

    Raises:
        WhisklabError: the API cannot be asked.
    """
    here = _Here(client, client.namespace())
    found: dict[str, list[Entity]] = {}
    for collection in COLLECTIONS:
        found[collection] = []
        for summary in client.listed(collection):
            name = full_name(summary)
            report(f"{_one(collection)} {name}")
            if (entity := here.entity(collection, name)) is not None:
                found[collection].append(entity)
        found[collection].sort(key=lambda each: str(each["name"]))
    return Document.model_validate({"namespace": here.namespace, **found})


def restore(client: OpenWhisk, document: Document, report: Report, *, overwrite: bool) -> Imported:
    """Have what a file holds in the key's namespace; nothing is deleted.

    What is there and equal is left alone, so it may be interrupted and run again. OpenWhisk adds
    annotations to those that a sequence has and deletes none, so that one with more than the file
    has differs for ever.

    Args:
        client: of the API.
        document: what is wanted.
        report: hears what is done.
        overwrite: replace what is there and differs; else it is left.

    Raises:
        WhisklabError: the API cannot be asked. What it refuses is told by the result.
    """
    here, result = _Here(client, client.namespace()), Imported()
    for collection in COLLECTIONS:
        for each in document.of(collection):
            name = f"{_one(collection)} {each['name']}"
            report(name)
            result.notes += _notes(collection, each)
            try:
                became = _have(here, collection, each, overwrite=overwrite)
            except Refused as error:
                became = Outcome.REFUSED
                result.refusals.append(f"{name}: {error}{_because(result, collection, each)}")
            result.names[became].append(name)
    return result


def _because(result: Imported, collection: str, entity: Entity) -> str:
    """Return what of the refused ones an entity needs, as the end of a sentence."""
    lost = [n for n in needs(collection, entity) if n in result.names[Outcome.REFUSED]]
    return f" (it needs {lost[0]}, which was refused)" if lost else ""


@dataclass
class _Here:
    """The key's namespace, as a file would hold what is in it.

    A package's parameters are asked for once: by then all packages are as they will be.
    """

    client: OpenWhisk
    namespace: str
    _inherited: dict[tuple[str, str], list[Any]] = field(default_factory=dict)

    def entity(self, collection: str, name: str) -> Entity | None:
        """Return an entity, None when there is none."""
        found = self.client.get(collection, name)
        if found is None:
            return None
        return self.own(collection, portable(collection, found, self.namespace))

    def own(self, collection: str, entity: Entity) -> Entity:
        """Return an entity without parameters that the API shows and that are not its own."""
        found = without_derived(collection, entity)
        package = package_of(collection, found)
        if package is None or not found["parameters"]:
            return found
        if package not in self._inherited:
            self._inherited[package] = self._parameters(*package)
        return without_inherited(found, self._inherited[package])

    def _parameters(self, namespace: str, package: str) -> list[Any]:
        path = f"/namespaces/{quote(namespace)}/packages/{quote(package)}"
        try:
            found: dict[str, Any] = self.client.ask("GET", path)
        except Refused:  # it may be private, or gone
            return []
        return list(found.get("parameters") or [])


def _have(here: _Here, collection: str, given: Entity, *, overwrite: bool) -> Outcome:
    client, name = here.client, str(given["name"])
    wanted = here.own(collection, _unfed(collection, given))
    there = here.entity(collection, name)
    if there is not None and is_same(wanted, _unfed(collection, there)):
        return Outcome.EQUAL
    if there is not None and not overwrite:
        return Outcome.LEFT
    if there is not None and "binding" in there and "binding" not in wanted:
        raise Refused(
            CONFLICT,
            "it is a binding there, and stays one whatever it is replaced by: delete it "
            f"(`wsk package delete {name}`), then again",
        )
    if there is not None and "binding" in wanted and "binding" not in there:
        bound = wanted["binding"]["name"]
        raise Refused(
            CONFLICT,
            f"it is a package there, and cannot become a binding of {bound}: delete what is in it "
            f"and the package (`wsk package delete {name}`), then again",
        )
    body = {key: value for key, value in wanted.items() if key not in {"name", "status"}}
    if collection == "actions" and there is not None:
        body["delAnnotations"] = _surplus(wanted, there)
    client.put(collection, name, body, overwrite=there is not None)
    if collection == "rules":
        _set_status(client, name, str(wanted["status"]))
    return Outcome.CREATED if there is None else Outcome.REPLACED


def _set_status(client: OpenWhisk, name: str, status: str) -> None:
    found = client.get("rules", name) or {}
    if found.get("status") != status:
        client.ask("POST", client.entity("rules", name), {"status": status})


def _surplus(wanted: Entity, there: Entity) -> list[str]:
    """Return the keys of annotations that an action must lose: an update keeps what it has."""
    named, had = ([e.get("key") for e in each["annotations"]] for each in (wanted, there))
    return [str(key) for key in had if key not in named]


def _unfed(collection: str, entity: Entity) -> Entity:
    """Return a trigger without the mark of its provider, which has not heard of it."""
    if collection != "triggers":  # an action's says that it is such a provider
        return entity
    return {**entity, "annotations": [e for e in entity["annotations"] if e.get("key") != FEED]}


def _notes(collection: str, entity: Entity) -> list[str]:
    if collection != "triggers":
        return []
    feeds = [each["value"] for each in entity["annotations"] if each.get("key") == FEED]
    return [
        f"trigger {entity['name']} can be fired by hand, but its feed {feed} has not heard of it: "
        "delete it, then `wsk trigger create` it with --feed"
        for feed in feeds
    ]


def _one(collection: str) -> str:
    return collection.removesuffix("s")
