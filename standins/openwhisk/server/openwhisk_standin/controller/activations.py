"""Records of activations, and what of them clients see."""

from __future__ import annotations

import uuid

from openwhisk_standin.codes import MESSAGES, SUCCESS
from openwhisk_standin.controller.entities import shown
from openwhisk_standin.controller.refusals import missing
from openwhisk_standin.documents import Documents
from openwhisk_standin.values import Doc


def new_id() -> str:
    """Return the number of a new activation."""
    return uuid.uuid4().hex


def extended(record: Doc) -> Doc:
    """Return a record as clients see it."""
    found = shown(record)
    found["response"] = response(record)
    if not found["end"]:
        del found["end"]
    return found


def response(record: Doc) -> Doc:
    """Return the response of a record as clients see it."""
    code = record["response"]["statusCode"]
    kept = {key: value for key, value in record["response"].items() if key != "statusCode"}
    return {**kept, "success": code == SUCCESS, "status": MESSAGES[code]}


def finished(
    activation: str, name: str, namespace: str, subject: str, start: int, end: int, **more: object
) -> Doc:
    """Return the record of something that is no action of one container."""
    record: Doc = {
        "namespace": namespace,
        "name": name,
        "version": "0.0.1",
        "subject": subject,
        "activationId": activation,
        "start": start,
        "end": end,
        "duration": end - start if end else None,
        "response": {"statusCode": SUCCESS, "result": {}},
        "logs": [],
        "annotations": [],
        "publish": False,
        **more,
    }
    return {key: value for key, value in record.items() if value is not None}


class Activations:
    """The database of records; an entry is NAMESPACE/ID."""

    def __init__(self, documents: Documents) -> None:
        """Take the database."""
        self._documents = documents

    def store(self, record: Doc) -> None:
        """Store a record that is complete."""
        name = f"{record['namespace']}/{record['activationId']}"
        self._documents.put(name, {**record, "entityType": "activation"})

    def get(self, namespace: str, activation: str) -> Doc:
        """Return a record.

        Raises:
            Refusal: it is not there (yet).
        """
        found = self._documents.get(f"{namespace}/{activation}")
        if found is None:
            raise missing()
        return found

    def listed(self, namespace: str, query: dict[str, str], *, limit: int, skip: int) -> list[Doc]:
        """Return records of a namespace, the newest first: short ones unless ``docs`` is true."""
        selector: Doc = {"namespace": namespace}
        since, upto = query.get("since"), query.get("upto")
        started = ({"$gte": int(since)} if since else {}) | ({"$lte": int(upto)} if upto else {})
        if started:
            selector["start"] = started
        name = query.get("name", "")
        if name:
            selector["name"] = name.rpartition("/")[2]
        if "/" in name:
            path = {"key": "path", "value": f"{namespace}/{name}"}
            selector["annotations"] = {"$elemMatch": path}
        found = self._documents.find(selector, sort=[{"start": "desc"}], limit=limit, skip=skip)
        if query.get("docs") == "true":
            return [extended(each) for each in found]
        return [_short(each) for each in found]


def _short(record: Doc) -> Doc:
    fields = ("namespace", "name", "version", "publish", "annotations", "activationId", "start")
    found = {key: record[key] for key in fields}
    if record["end"]:
        found |= {
            "end": record["end"],
            "duration": record["duration"],
            "statusCode": record["response"]["statusCode"],
        }
    return found | ({"cause": record["cause"]} if "cause" in record else {})
