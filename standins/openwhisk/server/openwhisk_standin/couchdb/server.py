"""CouchDB's paths over the databases of one directory."""

from __future__ import annotations

import base64
import hmac
import json
import threading
from http import HTTPStatus
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from openwhisk_standin.couchdb import query
from openwhisk_standin.couchdb.journal import Conflict, Database
from openwhisk_standin.web import Request, Response, as_json, as_text

_OPEN = {"", "_up", "_utils"}  # what needs no password
_MISSING = {"error": "not_found", "reason": "missing"}


class Databases:
    """The databases below a directory, each a file."""

    def __init__(self, root: Path, user: str, password: str) -> None:
        """Open what is there."""
        self._root = root
        self._key = b"Basic " + base64.b64encode(f"{user}:{password}".encode())
        self._lock = threading.Lock()
        root.mkdir(parents=True, exist_ok=True)
        files = sorted(root.glob("*.journal"))
        self._open = {unquote(path.stem): Database(path) for path in files}

    def answer(self, request: Request) -> Response:
        """Answer as CouchDB does."""
        parts = [unquote(part) for part in urlsplit(request.target).path.strip("/").split("/")]
        if parts[0] not in _OPEN and not self._known(request):
            return _error(HTTPStatus.UNAUTHORIZED, "unauthorized", "Name or password is incorrect.")
        if parts[0].startswith("_") or not parts[0]:
            return self._server(request, parts)
        name, _, rest = "/".join(parts).partition("/")
        if not rest:
            return self._database(request, name)
        found = self._open.get(name)
        if found is None:
            return _error(HTTPStatus.NOT_FOUND, "not_found", "Database does not exist.")
        if rest in ("_all_docs", "_find"):
            return _listing(request, found, rest)
        return _document(request, found, rest)

    def _known(self, request: Request) -> bool:
        sent = request.headers.get("authorization", "").encode()
        return hmac.compare_digest(sent, self._key)

    def _server(self, request: Request, parts: list[str]) -> Response:
        match parts[0]:
            case "":
                return as_json({"couchdb": "Welcome", "vendor": {"name": "whisklab's stand-in"}})
            case "_up":
                return as_json({"status": "ok"})
            case "_utils":
                return as_text("a stand-in has no pages here")
            case "_all_dbs":
                return as_json(sorted(self._open))
            case "_cluster_setup" | "_node" if request.method in ("POST", "PUT"):
                return as_json({"ok": True}, HTTPStatus.CREATED)
        return as_json(_MISSING, HTTPStatus.NOT_FOUND)

    def _database(self, request: Request, name: str) -> Response:
        with self._lock:
            there = self._open.get(name)
            if request.method == "PUT":
                if there:
                    return _error(
                        HTTPStatus.PRECONDITION_FAILED, "file_exists", "The database exists."
                    )
                # A database is its file: it is made before it is told.
                self._open[name] = Database(self._file(name))
                return as_json({"ok": True}, HTTPStatus.CREATED)
            if there is None:
                return _error(HTTPStatus.NOT_FOUND, "not_found", "Database does not exist.")
            if request.method == "DELETE":
                del self._open[name]
                there.close()
                self._file(name).unlink()
                return as_json({"ok": True})
            return as_json({"db_name": name, "doc_count": len(there.all())})

    def _file(self, name: str) -> Path:
        return self._root / f"{quote(name, safe='')}.journal"


def _listing(request: Request, database: Database, kind: str) -> Response:
    if kind == "_all_docs":
        return as_json(query.all_docs(database.all(), request.query))
    try:
        return as_json({"docs": query.find(database.all(), json.loads(request.body))})
    except (query.BadQuery, ValueError) as error:
        return _error(HTTPStatus.BAD_REQUEST, "bad_request", str(error))


def _document(request: Request, database: Database, name: str) -> Response:
    try:
        if request.method == "PUT":
            revision = database.put(name, json.loads(request.body))
            return as_json({"ok": True, "id": name, "rev": revision}, HTTPStatus.CREATED)
        if request.method == "DELETE":
            last = database.delete(name, request.query.get("rev"))
            if last is None:
                return as_json(_MISSING, HTTPStatus.NOT_FOUND)
            return as_json({"ok": True, "id": name, "rev": last})
    except Conflict:
        return _error(HTTPStatus.CONFLICT, "conflict", "Document update conflict.")
    except ValueError as error:
        return _error(HTTPStatus.BAD_REQUEST, "bad_request", str(error))
    found = database.get(name)
    return as_json(found) if found else as_json(_MISSING, HTTPStatus.NOT_FOUND)


def _error(status: HTTPStatus, error: str, reason: str) -> Response:
    return as_json({"error": error, "reason": reason}, status)
