"""One database: documents in memory, and a journal of their changes on the disk."""

from __future__ import annotations

import json
import os
import threading
import uuid
from pathlib import Path

from openwhisk_standin.values import Doc

# A journal is written anew at a start when it has so many lines more than it needs.
_SLACK = 1000


class Conflict(Exception):
    """A change does not name the revision that is stored."""


class Database:
    """A change is on the disk before it is told; safe to share between threads."""

    def __init__(self, path: Path) -> None:
        """Read the journal; a last line that was not written to its end never happened."""
        self._path = path
        self._lock = threading.RLock()
        self._docs: dict[str, Doc] = {}
        lines, sound = self._read()
        stale = lines > len(self._docs) + _SLACK
        if stale:
            self._rewrite()
        self._journal = path.open("ab")
        if not stale:
            self._journal.truncate(sound)

    def _read(self) -> tuple[int, int]:
        lines = sound = 0
        if not self._path.exists():
            return lines, sound
        with self._path.open("rb") as journal:
            for line in journal:
                if not line.endswith(b"\n"):
                    break
                self._apply(json.loads(line))
                lines, sound = lines + 1, sound + len(line)
        return lines, sound

    def _apply(self, change: Doc) -> None:
        if change.get("_deleted"):
            self._docs.pop(change["_id"], None)
        else:
            self._docs[change["_id"]] = change

    def _rewrite(self) -> None:
        fresh = self._path.with_suffix(".new")
        with fresh.open("wb") as journal:
            journal.writelines(_line(doc) for doc in self._docs.values())
            journal.flush()
            os.fsync(journal.fileno())
        fresh.replace(self._path)

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            self._journal.close()

    def get(self, name: str) -> Doc | None:
        """Return a document."""
        return self._docs.get(name)

    def all(self) -> list[Doc]:
        """Return all documents, by their names."""
        with self._lock:
            return [self._docs[name] for name in sorted(self._docs)]

    def put(self, name: str, doc: Doc) -> str:
        """Store a document and return its new revision.

        Raises:
            Conflict: its ``_rev`` is not the stored one.
        """
        with self._lock:
            revision = self._next(name, doc.get("_rev"))
            self._write({**doc, "_id": name, "_rev": revision})
            return revision

    def delete(self, name: str, revision: str | None) -> str | None:
        """Delete a document; returns its last revision, None where there is no such document.

        Raises:
            Conflict: ``revision`` is not the stored one.
        """
        with self._lock:
            if name not in self._docs:
                return None
            last = self._next(name, revision)
            self._write({"_id": name, "_rev": last, "_deleted": True})
            return last

    def _next(self, name: str, revision: str | None) -> str:
        stored = self._docs.get(name, {}).get("_rev")
        if stored != revision:
            raise Conflict
        return f"{int((stored or '0').partition('-')[0]) + 1}-{uuid.uuid4().hex}"

    def _write(self, change: Doc) -> None:
        self._journal.write(_line(change))
        self._journal.flush()
        os.fsync(self._journal.fileno())
        self._apply(change)


def _line(doc: Doc) -> bytes:
    return json.dumps(doc, separators=(",", ":")).encode() + b"\n"
