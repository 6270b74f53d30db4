"""init-couchdb: wipe the databases and make them anew, with the two subjects."""

from __future__ import annotations

import time
from http import HTTPStatus
from pathlib import Path

from openwhisk_standin.calls import Caller, Unreachable
from openwhisk_standin.documents import Documents
from openwhisk_standin.life import rest, say
from openwhisk_standin.values import BadSetting, setting

_SUBJECTS = {"guest": "auth.guest", "whisk.system": "auth.whisk.system"}
_PATIENCE = 300.0


def store() -> Caller:
    """Return the store that the job's environment names.

    Raises:
        BadSetting: a variable lacks.
    """
    host, port = setting("DB_HOST"), setting("DB_PORT")
    return Caller(
        f"{setting('DB_PROTOCOL', 'http')}://{host}:{port}",
        user=setting("COUCHDB_USER"),
        password=setting("COUCHDB_PASSWORD"),
    )


def main(arguments: list[str]) -> None:
    """Wipe and make the databases with the subjects whose keys are in a directory.

    Raises:
        BadSetting: an argument, a variable or a key is no good.
        Unreachable: the store does not answer, or refuses.
    """
    if len(arguments) != 1:
        raise BadSetting("give the directory of auth.guest and auth.whisk.system")
    keys = {name: _key(Path(arguments[0]) / file) for name, file in _SUBJECTS.items()}
    if len(set(keys.values())) != len(keys):
        raise BadSetting("the keys of guest and whisk.system must not be the same")
    couchdb, prefix = store(), setting("DB_PREFIX")
    _await(couchdb)
    for name in ("whisks", "activations", "subjects"):
        _renew(couchdb, f"{prefix}{name}")
    subjects = Documents(couchdb, f"{prefix}subjects")
    for name, (uuid, key) in keys.items():
        subjects.put(
            name, {"subject": name, "namespaces": [{"name": name, "uuid": uuid, "key": key}]}
        )
    say("the databases are wiped and made anew")


def _key(file: Path) -> tuple[str, str]:
    try:
        uuid, colon, key = file.read_text().strip().partition(":")
    except OSError as error:
        raise BadSetting(f"{file} cannot be read: {error}") from error
    if not uuid or not colon or not key:
        raise BadSetting(f"{file} holds no key: UUID:KEY is wanted")
    return uuid, key


def _await(couchdb: Caller) -> None:
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            couchdb.call("GET", "/_up")
        except Unreachable:
            if time.monotonic() > until or rest(1.0):
                raise
        else:
            return


def _renew(couchdb: Caller, name: str) -> None:
    gone = couchdb.call("DELETE", f"/{name}")
    if gone.ok:
        say(f"database {name} was there; it is wiped")
    elif gone.status != HTTPStatus.NOT_FOUND:
        raise Unreachable(f"{couchdb.url} refused to delete {name}: status {gone.status}")
    made = couchdb.call("PUT", f"/{name}")
    if not made.ok:
        raise Unreachable(f"{couchdb.url} refused to make {name}: status {made.status}")
