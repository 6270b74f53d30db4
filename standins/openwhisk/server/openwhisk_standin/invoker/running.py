"""Speaking /init and /run to one container, and what upstream makes of the answers."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from http import HTTPStatus

from openwhisk_standin.calls import Answer, Caller, TimedOut, Unreachable
from openwhisk_standin.codes import (
    APPLICATION_ERROR,
    DEVELOPER_ERROR,
    SUCCESS,
    WHISK_ERROR,
)
from openwhisk_standin.invoker.containers import Container
from openwhisk_standin.life import rest
from openwhisk_standin.values import Doc, Value

_LISTENS_WITHIN = 30.0
_CONNECTS_WITHIN = 2.0
_STEP = 0.02


@dataclass(frozen=True)
class Result:
    """What became of an activation in its container."""

    code: int
    value: Value
    timed_out: bool = False

    @property
    def response(self) -> Doc:
        """The response of a record."""
        return {"statusCode": self.code, "result": self.value}


def failed(code: int, text: Value, *, timed_out: bool = False) -> Result:
    """Return a result that is an error."""
    return Result(code, {"error": text}, timed_out)


class Runner:
    """The runtime of a container."""

    def __init__(self, container: Container) -> None:
        """Take the container; nothing is sent yet."""
        self._container = container
        self._caller = Caller(container.url)

    def connects(self) -> bool:
        """Tell whether the runtime is still there: a container may be gone since it was used."""
        return self._caller.connects(_CONNECTS_WITHIN)

    def init(self, action: Doc, env: Doc) -> Result | None:
        """Give the function to the container; returns what went wrong, if something did."""
        code = action["exec"]
        value = {
            "name": action["name"],
            "main": code.get("main") or "main",
            "code": code.get("code", ""),
            "binary": code.get("binary", False),
            "env": env,
        }
        seconds = action["limits"]["timeout"] / 1000
        self._listening()
        try:
            answer = self._caller.call("POST", "/init", {"value": value}, seconds=seconds)
        except TimedOut:
            text = _too_long(action).removesuffix(".")
            return failed(DEVELOPER_ERROR, f"{text} during initialization.", timed_out=True)
        except Unreachable:
            text = "The action did not initialize and exited unexpectedly."
            return failed(DEVELOPER_ERROR, text)
        if answer.status == HTTPStatus.OK:
            return None
        start = "The action failed during initialization"
        return failed(DEVELOPER_ERROR, _error_of(answer, start))

    def run(self, action: Doc, arguments: Doc, about: Doc) -> Result:
        """Call the function."""
        seconds = action["limits"]["timeout"] / 1000
        deadline = str(int((time.time() + seconds) * 1000))
        body = {"value": arguments, **about, "deadline": deadline}
        try:
            answer = self._caller.call("POST", "/run", body, seconds=seconds)
        except TimedOut:
            return failed(DEVELOPER_ERROR, _too_long(action), timed_out=True)
        except Unreachable:
            text = "The action did not produce a valid response and exited unexpectedly."
            return failed(DEVELOPER_ERROR, text)
        return _read(answer)

    def _listening(self) -> None:
        """Wait until the runtime answers at all: it may still be starting."""
        until = time.monotonic() + _LISTENS_WITHIN
        while time.monotonic() < until:
            try:
                self._caller.call("GET", "/", seconds=5)
            except Unreachable:
                if rest(_STEP):
                    return
            else:
                return


def _read(answer: Answer) -> Result:
    start = "The action did not produce a valid JSON or JSON Array response"
    if answer.status != HTTPStatus.OK:
        return failed(DEVELOPER_ERROR, _error_of(answer, start))
    try:
        found = answer.json()
    except ValueError:
        return failed(DEVELOPER_ERROR, f"{start}: {answer.body.decode(errors='replace')}")
    if isinstance(found, dict) and "error" in found:
        return Result(APPLICATION_ERROR, {"error": found["error"]})
    if not isinstance(found, dict | list):
        return failed(DEVELOPER_ERROR, f"{start}: {json.dumps(found)}")
    return Result(SUCCESS, found)


def not_provisioned() -> Result:
    """Return what is told when no container could be had; why is in the invoker's log."""
    return failed(WHISK_ERROR, "Failed to provision resources to run the action.")


def _too_long(action: Doc) -> str:
    return f"The action exceeded its time limits of {action['limits']['timeout']} milliseconds."


def _error_of(answer: Answer, start: str) -> Value:
    text = answer.body.decode(errors="replace")
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if isinstance(found, dict) and "error" in found:
        return found["error"]
    return f"{start}: {text}" if text else f"{start}."
