"""wskadmin: keys of namespaces, in the store itself."""

from __future__ import annotations

import secrets
import string
import sys
import uuid

from openwhisk_standin.calls import Caller
from openwhisk_standin.documents import Documents
from openwhisk_standin.values import BadSetting, Doc, setting

_USAGE = "wskadmin user get|create|delete NAME, wskadmin user list"
_LETTERS = string.ascii_letters + string.digits
_KEY_LENGTH = 64


def main(arguments: list[str]) -> None:
    """Do what `wskadmin user ...` asks for.

    Raises:
        BadSetting: there is no such command or subject.
        Unreachable: the store does not answer.
    """
    match arguments:
        case ["user", "list"]:
            _say(*(doc["subject"] for doc in _subjects().find({})))
        case ["user", "get", name]:
            _say(*(f"{each['uuid']}:{each['key']}" for each in _subject(name)["namespaces"]))
        case ["user", "create", name]:
            _create(name)
        case ["user", "delete", name]:
            _subjects().delete(_subject(name))
            _say("Subject deleted")
        case _:
            raise BadSetting(f"usage: {_USAGE}")


def _create(name: str) -> None:
    if _subjects().get(name) is not None:
        raise BadSetting(f"subject {name} is there already")
    key = "".join(secrets.choice(_LETTERS) for _ in range(_KEY_LENGTH))
    space = {"name": name, "uuid": str(uuid.uuid4()), "key": key}
    _subjects().put(name, {"subject": name, "namespaces": [space]})
    _say(f"{space['uuid']}:{key}")


def _subject(name: str) -> Doc:
    found = _subjects().get(name)
    if found is None:
        raise BadSetting(f"there is no subject {name}")
    return found


def _subjects() -> Documents:
    url = f"{setting('DB_PROTOCOL', 'http')}://{setting('DB_HOST')}:{setting('DB_PORT')}"
    store = Caller(url, user=setting("DB_USERNAME"), password=setting("DB_PASSWORD"))
    return Documents(store, setting("DB_WHISK_AUTHS"))


def _say(*lines: str) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
