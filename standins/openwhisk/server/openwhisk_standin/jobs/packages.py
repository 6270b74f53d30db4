"""install-packages: make the shared packages of a directory tree, through the REST API."""

from __future__ import annotations

import json
import time
from http import HTTPStatus
from pathlib import Path

from openwhisk_standin.calls import Answer, Caller, Unreachable
from openwhisk_standin.life import rest, say
from openwhisk_standin.values import BadSetting, Doc, setting

_PATIENCE = 300.0
_STEP = 2.0
_LATER = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.BAD_GATEWAY, HTTPStatus.SERVICE_UNAVAILABLE)


def main(arguments: list[str]) -> None:
    """Make or change the packages TREE/*/package.json; again is harmless.

    Raises:
        BadSetting: an argument, a variable or a file is no good.
        Unreachable: the API does not answer in time, or refuses.
    """
    if len(arguments) != 1:
        raise BadSetting("give the directory of the packages")
    files = sorted(Path(arguments[0]).glob("*/package.json"))
    if not files:
        raise BadSetting(f"{arguments[0]} holds no */package.json")
    user, _, key = setting("WHISK_AUTH").partition(":")
    host = setting("WHISK_API_HOST_URL").rstrip("/")
    namespace = setting("WHISK_SYSTEM_NAMESPACE", "/whisk.system").strip("/")
    api = _Api(Caller(host, user=user, password=key), f"/api/v1/namespaces/{namespace}")
    for file in files:
        _install(api, file)
        say(f"package {file.parent.name} is there")


def _install(api: _Api, file: Path) -> None:
    name = file.parent.name
    try:
        wanted = json.loads(file.read_text())
        actions = {each: _action(file.parent, about) for each, about in wanted["actions"].items()}
    except (OSError, ValueError, KeyError) as error:
        raise BadSetting(f"{file} describes no package: {error!r}") from error
    about: Doc = {key: wanted[key] for key in ("annotations", "parameters") if key in wanted}
    api.put(f"packages/{name}", {**about, "publish": True})
    for each, body in actions.items():
        api.put(f"actions/{name}/{each}", body)


def _action(folder: Path, about: Doc) -> Doc:
    exec_of = {"kind": about["kind"], "code": (folder / about["file"]).read_text()}
    told: Doc = {key: about[key] for key in ("annotations", "parameters") if key in about}
    return {**told, "exec": exec_of}


class _Api:
    def __init__(self, caller: Caller, root: str) -> None:
        self._caller = caller
        self._root = root
        self._until = time.monotonic() + _PATIENCE

    def put(self, path: str, body: Doc) -> None:
        answer = self._patiently(path, body)
        if not answer.ok:
            text = answer.body.decode(errors="replace")
            raise Unreachable(f"{self._caller.url} refused {path}: {answer.status} {text}")

    def _patiently(self, path: str, body: Doc) -> Answer:
        while True:
            late = time.monotonic() > self._until
            try:
                answer = self._caller.call("PUT", f"{self._root}/{path}?overwrite=true", body)
                if answer.status not in _LATER or late:
                    return answer
            except Unreachable:
                if late:
                    raise
            rest(_STEP)
