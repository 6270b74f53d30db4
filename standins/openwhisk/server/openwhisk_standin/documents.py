"""Databases of the role couchdb, as the other roles see them."""

from __future__ import annotations

from http import HTTPStatus
from urllib.parse import quote

from openwhisk_standin.calls import Answer, Caller
from openwhisk_standin.values import Doc, Value, setting


class Conflict(Exception):
    """A document was changed meanwhile, or is there already."""


class StoreError(Exception):
    """The store refused; its text says what."""


def couchdb(prefix: str = "CONFIG_whisk_couchdb_") -> Caller:
    """Return the store that the environment names, as upstream's controller reads it.

    Raises:
        BadSetting: a variable lacks.
    """
    protocol, host, port = (setting(prefix + name) for name in ("protocol", "host", "port"))
    return Caller(
        f"{protocol}://{host}:{port}",
        user=setting(prefix + "username"),
        password=setting(prefix + "password"),
    )


class Documents:
    """One database. All calls raise calls.Unreachable when the store does not answer."""

    def __init__(self, store: Caller, name: str) -> None:
        """Take the store and the database's name."""
        self._store = store
        self.name = name

    def get(self, name: str) -> Doc | None:
        """Return a document, None where there is none."""
        answer = self._store.call("GET", self._path(name))
        if answer.status == HTTPStatus.NOT_FOUND:
            return None
        return dict(self._checked(answer, name).json())

    def put(self, name: str, doc: Doc) -> Doc:
        """Store a document, and return it with its new revision.

        Raises:
            Conflict: its revision is not the stored one.
            StoreError: the store refused.
        """
        answer = self._checked(self._store.call("PUT", self._path(name), doc), name)
        return {**doc, "_id": name, "_rev": answer.json()["rev"]}

    def delete(self, doc: Doc) -> None:
        """Delete a document as it was read.

        Raises:
            Conflict: it was changed meanwhile.
            StoreError: the store refused.
        """
        path = f"{self._path(doc['_id'])}?rev={doc['_rev']}"
        self._checked(self._store.call("DELETE", path), doc["_id"])

    def find(self, selector: Doc, **more: Value) -> list[Doc]:
        """Return the documents that a selector matches; ``more`` is limit, skip, sort, fields.

        Raises:
            StoreError: the store refused.
        """
        answer = self._store.call("POST", f"/{self.name}/_find", {"selector": selector, **more})
        return list(self._checked(answer, "_find").json()["docs"])

    def _path(self, name: str) -> str:
        return f"/{self.name}/{quote(name, safe='')}"

    def _checked(self, answer: Answer, what: str) -> Answer:
        if answer.status == HTTPStatus.CONFLICT:
            raise Conflict(what)
        if not answer.ok:
            reason = answer.body.decode(errors="replace")
            raise StoreError(f"the store refused {self.name}/{what}: {answer.status} {reason}")
        return answer
