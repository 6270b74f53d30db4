"""The record that an activation leaves."""

from __future__ import annotations

import time
from dataclasses import dataclass

from openwhisk_standin.invoker.running import Result
from openwhisk_standin.values import Doc


@dataclass(frozen=True)
class Times:
    """When an activation began, in milliseconds, and how long it waited and initialized."""

    start: int
    waited: int
    initialized: int | None


def record_of(message: Doc, result: Result, times: Times) -> Doc:
    """Return the record of an activation that ended now."""
    action, end = message["action"], milliseconds_now()
    annotations: list[Doc] = [
        {"key": "path", "value": f"{action['namespace']}/{action['name']}"},
        {"key": "waitTime", "value": max(times.waited, 0)},
        {"key": "kind", "value": action["exec"]["kind"]},
        {"key": "timeout", "value": result.timed_out},
        {"key": "limits", "value": action["limits"]},
    ]
    if times.initialized is not None:
        annotations.append({"key": "initTime", "value": times.initialized})
    if action.get("boundBy"):
        annotations.append({"key": "binding", "value": action["boundBy"]})
    if message.get("cause"):
        annotations.append({"key": "causedBy", "value": "sequence"})
    record: Doc = {
        "namespace": message["namespace"],
        "name": action["name"],
        "version": action["version"],
        "subject": message["subject"],
        "activationId": message["activationId"],
        "start": times.start,
        "end": end,
        "duration": end - times.start,
        "response": result.response,
        "logs": [],
        "annotations": annotations,
        "publish": False,
    }
    return record | ({"cause": message["cause"]} if message.get("cause") else {})


def milliseconds_now() -> int:
    """Return the time as records have it."""
    return int(time.time() * 1000)
