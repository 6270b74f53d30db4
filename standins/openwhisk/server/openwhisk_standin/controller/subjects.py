"""Who asks: keys of the subjects database."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from http import HTTPStatus

from openwhisk_standin.controller.refusals import BAD_KEY, NO_KEY, Refusal, missing
from openwhisk_standin.documents import Documents
from openwhisk_standin.values import Doc

_KEY = re.compile(r"[0-9a-fA-F-]{36}:\S{64,}")


@dataclass(frozen=True)
class User:
    """A namespace of a subject, with its key."""

    subject: str
    namespace: str
    uuid: str
    key: str

    @property
    def authkey(self) -> str:
        """The key as clients send it."""
        return f"{self.uuid}:{self.key}"


class Subjects:
    """The subjects database."""

    def __init__(self, documents: Documents) -> None:
        """Take the database."""
        self._documents = documents

    def authenticated(self, header: str | None) -> User:
        """Return whose key the Authorization header holds.

        Raises:
            Refusal: there is none, or it is nobody's.
        """
        if not header:
            raise Refusal(HTTPStatus.UNAUTHORIZED, NO_KEY)
        scheme, _, sent = header.partition(" ")
        try:
            pair = base64.b64decode(sent, validate=True).decode() if scheme == "Basic" else ""
        except (binascii.Error, UnicodeDecodeError):
            pair = ""
        if not _KEY.fullmatch(pair):
            raise Refusal(HTTPStatus.UNAUTHORIZED, BAD_KEY)
        uuid, _, key = pair.partition(":")
        found = self._find({"uuid": uuid, "key": key})
        if found is None:
            raise Refusal(HTTPStatus.UNAUTHORIZED, BAD_KEY)
        return found

    def of_namespace(self, name: str) -> User:
        """Return who owns a namespace.

        Raises:
            Refusal: nobody does.
        """
        found = self._find({"name": name})
        if found is None:
            raise missing()
        return found

    def _find(self, wanted: Doc) -> User | None:
        for doc in self._documents.find({"namespaces": {"$elemMatch": wanted}}):
            if doc.get("blocked"):
                continue
            for space in doc["namespaces"]:
                if wanted.items() <= space.items():
                    return User(doc["subject"], space["name"], space["uuid"], space["key"])
        return None
