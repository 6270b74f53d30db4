"""The Python runtime: /init takes the function, /run calls it in this process."""

from __future__ import annotations

import base64
import io
import json
import os
import sys
import tempfile
import traceback
import zipfile
from collections.abc import Callable
from http import HTTPStatus
from pathlib import Path

from openwhisk_standin.runtimes import END_OF_LOGS
from openwhisk_standin.values import Doc, Value
from openwhisk_standin.web import Request, Response, as_json


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, text: str) -> None:
        super().__init__(text)
        self.status = status


class Runtime:
    """One function."""

    def __init__(self) -> None:
        """Begin without one."""
        self._main: Callable[[Value], Value] | None = None

    def answer(self, request: Request) -> Response:
        """Answer /init and /run."""
        work = {"/init": self._init, "/run": self._run}.get(request.path)
        if work is None:
            return as_json({"error": "no such path"}, HTTPStatus.NOT_FOUND)
        try:
            response = as_json(work(json.loads(request.body or b"{}")))
        except _Refused as error:
            response = as_json({"error": str(error)}, error.status)
        except BaseException as error:  # noqa: BLE001 - user code may even exit: tell, go on
            traceback.print_exc()
            when = "An error has occurred" if self._main else "Initialization has failed due to"
            found = {"error": f"{when}: {''.join(traceback.format_exception_only(error)).strip()}"}
            response = as_json(found, HTTPStatus.BAD_GATEWAY)
        if request.path == "/run":
            for stream in (sys.stdout, sys.stderr):
                stream.write(END_OF_LOGS + "\n")
                stream.flush()
        return response

    def _init(self, message: Doc) -> Doc:
        if self._main:
            text = "Cannot initialize the action more than once."
            raise _Refused(HTTPStatus.FORBIDDEN, text)
        value = message.get("value") or {}
        code, name = value.get("code"), value.get("main") or "main"
        if not code:
            raise _Refused(HTTPStatus.FORBIDDEN, "Missing main/no code to execute.")
        os.environ.update({key: str(each) for key, each in (value.get("env") or {}).items()})
        if value.get("binary"):
            code = _unpacked(code)
        names: Doc = {"__name__": "__main__"}
        exec(compile(code, "exec.py", "exec"), names)  # noqa: S102 - to run users' code is its task
        if not callable(names.get(name)):
            raise _Refused(HTTPStatus.BAD_GATEWAY, f"Action entrypoint '{name}' is not a function.")
        self._main = names[name]
        return {"ok": True}

    def _run(self, message: Doc) -> Value:
        if not self._main:
            text = "Cannot invoke an uninitialized action."
            raise _Refused(HTTPStatus.BAD_GATEWAY, text)
        for name, value in message.items():
            if name != "value":
                os.environ[f"__OW_{name.upper()}"] = str(value)
        found = self._main(message.get("value") or {})
        if not isinstance(found, dict | list):
            text = "The action did not return a dictionary or array."
            raise _Refused(HTTPStatus.BAD_GATEWAY, text)
        return found


def _unpacked(code: str) -> str:
    """Unpack an archive next to which its modules are found; returns its __main__.py."""
    room = Path(tempfile.mkdtemp(prefix="action-"))
    with zipfile.ZipFile(io.BytesIO(base64.b64decode(code))) as archive:
        archive.extractall(room)
    sys.path.insert(0, str(room))
    os.chdir(room)
    return (room / "__main__.py").read_text()
