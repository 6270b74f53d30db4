"""The two functions that every user tries, and what they must answer."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from deploys.openwhisk.answers import THROTTLED, Throttled
from deploys.openwhisk.settings import OpenWhiskSettings
from whisklab.engine.ssh.http import Answer
from whisklab.errors import WhisklabError

DIRECTORY = Path("files/functions")  # of this repository
JSON = "application/json"
OK = 200  # HTTP


@dataclass(frozen=True)
class Function:
    """A function.

    Attributes:
        file: its name in files/functions.
        language: whose default kind runs it.
    """

    file: str
    language: str

    def code(self) -> str:
        """Return its text.

        Raises:
            WhisklabError: it cannot be read.
        """
        try:
            return (DIRECTORY / self.file).read_text(encoding="utf-8")
        except OSError as error:
            raise WhisklabError(f"{DIRECTORY / self.file}: {error.strerror}") from error

    def action(self, *, web: bool) -> dict[str, Any]:
        """Return it as the API takes an action, for the web if it is to have a URL."""
        annotations = {"web-export": web, "raw-http": False, "final": web}
        return {
            "exec": {"kind": f"{self.language}:default", "code": self.code()},
            "annotations": [{"key": key, "value": value} for key, value in annotations.items()],
        }

    def require_kind(self, settings: OpenWhiskSettings) -> None:
        """Do nothing where there is a kind that can run it.

        Raises:
            WhisklabError: there is none.
        """
        if self.language not in settings.runtimes:
            there = ", ".join(sorted(settings.runtimes)) or "nothing"
            raise WhisklabError(
                f"openwhisk_runtimes has no {self.language}, which {self.file} needs; "
                f"there is {there}"
            )


JAVASCRIPT = Function("hello.js", "nodejs")
PYTHON = Function("hello.py", "python")


def greets(result: object, name: str) -> None:
    """Check what hello.js answers to a name. Pure.

    Raises:
        WhisklabError: it is something else.
    """
    wanted = {"payload": f"Hello, {name}!"}
    if result != wanted:
        raise WhisklabError(
            f"{JAVASCRIPT.file} answers {_short(result)}, expected {json.dumps(wanted)}"
        )


def echoes(answer: Answer) -> None:
    """Check what hello.py answers to a GET with name=Python. Pure.

    Raises:
        Throttled: there were too many calls.
        WhisklabError: it is something else.
    """
    kind = answer.headers.get("content-type", "none")
    if answer.status == THROTTLED:
        raise Throttled(f"the URL of {PYTHON.file} answers {answer.status}: too many calls")
    if answer.status != OK or kind.split(";")[0].strip() != JSON:
        raise WhisklabError(
            f"the URL of {PYTHON.file} answers {answer.status}, {kind}: {_short(answer.text)}"
        )
    body = _body(answer.text)
    for key, wanted in {"__ow_method": "get", "name": "Python"}.items():
        if body.get(key) != wanted:
            raise WhisklabError(
                f"the URL of {PYTHON.file} answers {key} {_short(body.get(key))}, "
                f"expected {json.dumps(wanted)}"
            )


def _body(text: str) -> Mapping[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise WhisklabError(f"the URL of {PYTHON.file} answers no JSON object: {_short(text)}")
    return found


def _short(value: object) -> str:
    return (value if isinstance(value, str) else json.dumps(value))[:200]
