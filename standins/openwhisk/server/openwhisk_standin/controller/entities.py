"""Packages, actions, triggers and rules as documents: what is the same for all of them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from openwhisk_standin.controller.refusals import (
    BAD_NAME,
    CHANGED_MEANWHILE,
    EXISTS,
    OTHER_COLLECTION,
    bad,
    conflict,
    malformed,
    missing,
)
from openwhisk_standin.documents import Conflict, Documents
from openwhisk_standin.values import Doc, Value

_NAME = re.compile(r"\w|\w[\w@ .&-]*[\w@.&-]")
_LONGEST_NAME = 256
_HIDDEN = {"_id", "_rev", "entityType"}


def now() -> int:
    """Return the time in milliseconds, as documents have it."""
    return int(time.time() * 1000)


def checked_name(name: str) -> str:
    """Return a name that an entity may have.

    Raises:
        Refusal: it may not.
    """
    if len(name) > _LONGEST_NAME:
        raise bad(f"Name longer than allowed: {len(name)} > {_LONGEST_NAME}.")
    if not _NAME.fullmatch(name):
        raise bad(BAD_NAME)
    return name


def shown(doc: Doc) -> Doc:
    """Return a document as clients see it."""
    return {key: value for key, value in doc.items() if key not in _HIDDEN}


def pairs(found: Value, what: str) -> list[Doc]:
    """Return parameters or annotations of a request: a list of keys and values.

    Raises:
        Refusal: they are something else.
    """
    if not isinstance(found, list) or not all(
        isinstance(each, dict) and isinstance(each.get("key"), str) for each in found
    ):
        raise malformed(f"{what} malformed!")
    return [{**each, "value": each.get("value")} for each in found]


def merged(*lists: list[Doc]) -> list[Doc]:
    """Return keys and values of all lists; the last one to name a key has it."""
    return list({each["key"]: each for found in lists for each in found}.values())


def as_object(found: list[Doc]) -> Doc:
    """Return keys and values as an object."""
    return {each["key"]: each["value"] for each in found}


def value_of(found: list[Doc], key: str) -> Value:
    """Return the value of a key, None where there is none."""
    return as_object(found).get(key)


def common(namespace: str, name: str, request: Doc, old: Doc | None) -> Doc:
    """Return the fields that all kinds have, from a PUT and what was there."""
    old = old or {}
    return {
        "namespace": namespace,
        "name": name,
        "version": request.get("version") or _next_version(old.get("version")),
        "publish": bool(request.get("publish", old.get("publish", False))),
        "parameters": pairs(request["parameters"], "parameters")
        if "parameters" in request
        else old.get("parameters", []),
        "annotations": pairs(request["annotations"], "annotations")
        if "annotations" in request
        else old.get("annotations", []),
        "updated": now(),
    }


def _next_version(version: str | None) -> str:
    if version is None:
        return "0.0.1"
    major, minor, patch = version.split(".")
    return f"{major}.{minor}.{int(patch) + 1}"


class Entities:
    """The database of all kinds; a name belongs to one of them."""

    def __init__(self, documents: Documents) -> None:
        """Take the database."""
        self._documents = documents

    def get(self, kind: str, name: str) -> Doc:
        """Return an entity by its full name.

        Raises:
            Refusal: it is not there, or of another kind.
        """
        found = self.look(kind, name)
        if found is None:
            raise missing()
        return found

    def look(self, kind: str, name: str) -> Doc | None:
        """Return an entity by its full name, None where there is none.

        Raises:
            Refusal: it is of another kind.
        """
        found = self._documents.get(name)
        if found is not None and found["entityType"] != kind:
            raise conflict(OTHER_COLLECTION)
        return found

    def save(
        self, kind: str, name: str, make: Callable[[Doc | None], Doc], *, overwrite: bool
    ) -> Doc:
        """Store what ``make`` says, given what was there.

        Raises:
            Refusal: it is there and may not be overwritten, or was changed meanwhile.
        """
        old = self.look(kind, name)
        if old is not None and not overwrite:
            raise conflict(EXISTS)
        return self.put(kind, name, make(old), old)

    def put(self, kind: str, name: str, doc: Doc, old: Doc | None) -> Doc:
        """Store an entity in place of ``old``.

        Raises:
            Refusal: it was changed meanwhile.
        """
        stored = {**doc, "entityType": kind} | ({"_rev": old["_rev"]} if old else {})
        try:
            return self._documents.put(name, stored)
        except Conflict as error:
            raise conflict(CHANGED_MEANWHILE) from error

    def delete(self, doc: Doc) -> None:
        """Delete an entity as it was read.

        Raises:
            Refusal: it was changed meanwhile.
        """
        try:
            self._documents.delete(doc)
        except Conflict as error:
            raise conflict(CHANGED_MEANWHILE) from error

    def listed(self, kind: str, selector: Doc, *, limit: int, skip: int) -> list[Doc]:
        """Return entities, the newest first."""
        return self._documents.find(
            {"entityType": kind, **selector}, sort=[{"updated": "desc"}], limit=limit, skip=skip
        )
