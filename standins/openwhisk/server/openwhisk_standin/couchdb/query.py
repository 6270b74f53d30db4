"""CouchDB's `_find` and `_all_docs`, as far as they are used."""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Iterable

from openwhisk_standin.values import Doc, Value

_TESTS: dict[str, Callable[[Value, Value], bool]] = {
    "$gte": operator.ge,
    "$lte": operator.le,
    "$gt": operator.gt,
    "$lt": operator.lt,
    "$ne": operator.ne,
    "$exists": lambda found, wanted: (found is not None) == wanted,
    "$in": lambda found, wanted: found in wanted,
    "$elemMatch": lambda found, wanted: any(matches(each, wanted) for each in found),
}


class BadQuery(Exception):
    """A query uses what is not known here."""


def matches(doc: Doc, selector: Doc) -> bool:
    """Tell whether a document has all that a selector asks for.

    Raises:
        BadQuery: the selector has an unknown operator.
    """
    return all(_field(doc.get(name), wanted) for name, wanted in selector.items())


def _field(found: Value, wanted: Value) -> bool:
    if not isinstance(wanted, dict):
        return bool(found == wanted)
    for name, value in wanted.items():
        if name not in _TESTS:
            raise BadQuery(f"Invalid operator: {name}")
        if name != "$exists" and found is None:
            return False
        if not _TESTS[name](found, value):
            return False
    return True


def find(docs: Iterable[Doc], query: Doc) -> list[Doc]:
    """Return the documents that `POST /db/_find` asks for.

    Raises:
        BadQuery: the selector has an unknown operator.
    """
    found = [doc for doc in docs if matches(doc, query.get("selector", {}))]
    for order in reversed(query.get("sort", [])):
        ((name, direction),) = order.items()
        found.sort(key=lambda doc: doc.get(name, 0), reverse=direction == "desc")
    skip = query.get("skip", 0)
    found = found[skip : skip + query.get("limit", len(found))]
    fields = query.get("fields")
    if fields:
        return [{name: doc[name] for name in fields if name in doc} for doc in found]
    return found


def all_docs(docs: list[Doc], query: dict[str, str]) -> Doc:
    """Return what `GET /db/_all_docs` tells."""
    low, high = (json.loads(query.get(key, "null")) for key in ("startkey", "endkey"))
    rows = [
        {"id": doc["_id"], "key": doc["_id"], "value": {"rev": doc["_rev"]}}
        | ({"doc": doc} if query.get("include_docs") == "true" else {})
        for doc in docs
        if (low is None or doc["_id"] >= low) and (high is None or doc["_id"] <= high)
    ]
    if query.get("descending") == "true":
        rows.reverse()
    limit = int(query.get("limit", len(rows)))
    return {"total_rows": len(docs), "offset": 0, "rows": rows[:limit]}
