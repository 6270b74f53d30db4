"""Limits: of actions, and of how often a namespace may ask."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from http import HTTPStatus

from openwhisk_standin.controller.refusals import Refusal, bad, malformed
from openwhisk_standin.values import BadSetting, Doc, megabytes, milliseconds, number, setting

_MB = 1024 * 1024
_MINUTE = 60.0
_ENDS = ("min", "max", "std")


@dataclass(frozen=True)
class Bounds:
    """The least, the most and the usual value of a limit of actions."""

    least: int
    most: int
    usual: int

    @classmethod
    def of(cls, limit: str, least: int, most: int, usual: int) -> Bounds:
        """Return the bounds of a limit.

        Raises:
            BadSetting: its usual value is out of bounds, with which upstream does not start.
        """
        if not least <= usual <= most:
            raise BadSetting(f"{limit}: the usual {usual} is not within {least} and {most}")
        return cls(least, most, usual)


@dataclass(frozen=True)
class Limits:
    """All limits, from the environment."""

    per_minute: int = 60
    concurrent: int = 30
    fires_per_minute: int = 60
    sequence: int = 50
    payload: int = 1048576
    time: Bounds = Bounds(100, 300_000, 60_000)
    memory: Bounds = Bounds(128, 512, 256)
    logs: Bounds = Bounds(0, 10, 10)
    concurrency: Bounds = Bounds(1, 1, 1)

    @classmethod
    def from_environment(cls) -> Limits:
        """Read the variables that upstream's chart sets.

        Raises:
            BadSetting: one of them cannot be used.
        """
        return cls(
            per_minute=number("LIMITS_ACTIONS_INVOKES_PERMINUTE", cls.per_minute),
            concurrent=number("LIMITS_ACTIONS_INVOKES_CONCURRENT", cls.concurrent),
            fires_per_minute=number("LIMITS_TRIGGERS_FIRES_PERMINUTE", cls.fires_per_minute),
            sequence=number("LIMITS_ACTIONS_SEQUENCE_MAXLENGTH", cls.sequence),
            payload=number("CONFIG_whisk_activation_payload_max", cls.payload),
            time=_bounds("timeLimit", "100ms", "5m", "1m"),
            memory=_bounds("memory", "128m", "512m", "256m"),
            logs=_bounds("logLimit", "0m", "10m", "10m"),
            concurrency=Bounds.of(
                "concurrencyLimit",
                *(number(f"CONFIG_whisk_concurrencyLimit_{end}", 1) for end in _ENDS),
            ),
        )

    def of_action(self, request: Doc, old: Doc) -> Doc:
        """Return the limits of an action from a PUT and what was there.

        Raises:
            Refusal: one of them is out of bounds.
        """
        given = request.get("limits") or {}
        found = {
            "timeout": old.get("timeout", self.time.usual),
            "memory": old.get("memory", self.memory.usual),
            "logs": old.get("logs", self.logs.usual),
            "concurrency": old.get("concurrency", self.concurrency.usual),
        }
        for name in found:
            value = given.get(name)
            if value is None:
                continue
            if not isinstance(value, int) or isinstance(value, bool):
                raise malformed(f"{name} limit malformed")
            found[name] = value
        _within("duration", found["timeout"], self.time, "milliseconds")
        _within("memory", found["memory"], self.memory, "MB")
        _within("logs", found["logs"], self.logs, "MB")
        _concurrency(found["concurrency"], self.concurrency)
        return found

    def summary(self) -> Doc:
        """Return what the server tells clients of its limits."""
        return {
            "actions_per_minute": self.per_minute,
            "triggers_per_minute": self.fires_per_minute,
            "concurrent_actions": self.concurrent,
            "sequence_length": self.sequence,
            "min_action_duration": self.time.least,
            "max_action_duration": self.time.most,
            "min_action_memory": self.memory.least * _MB,
            "max_action_memory": self.memory.most * _MB,
            "min_action_logs": self.logs.least * _MB,
            "max_action_logs": self.logs.most * _MB,
        }


def _bounds(limit: str, *defaults: str) -> Bounds:
    found = [_of(limit, *each) for each in zip(_ENDS, defaults, strict=True)]
    return Bounds.of(limit, *found)


def _of(limit: str, end: str, default: str) -> int:
    text = setting(f"CONFIG_whisk_{limit}_{end}", default)
    return milliseconds(text) if limit == "timeLimit" else megabytes(text)


def _within(name: str, value: int, bounds: Bounds, unit: str) -> None:
    size = "" if name == "duration" else "size "
    if value > bounds.most:
        raise bad(f"{name} {size}{value} {unit} exceeds allowed threshold of {bounds.most} {unit}")
    if value < bounds.least:
        raise bad(f"{name} {size}{value} {unit} below allowed threshold of {bounds.least} {unit}")


def _concurrency(value: int, bounds: Bounds) -> None:
    if value > bounds.most:
        raise bad(f"concurrency {value} exceeds allowed threshold of {bounds.most}")
    if value < bounds.least:
        raise bad(f"concurrency {value} below allowed threshold of {bounds.least}")


@dataclass
class Throttle:
    """Counts what each namespace asks for within a minute."""

    allowed: int
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _counts: dict[str, tuple[float, int]] = field(default_factory=dict)

    def check(self, namespace: str) -> None:
        """Count a request.

        Raises:
            Refusal: it is one too many in this minute.
        """
        with self._lock:
            began, count = self._counts.get(namespace, (0.0, 0))
            now = time.monotonic()
            if now - began >= _MINUTE:
                began, count = now, 0
            self._counts[namespace] = (began, count + 1)
        if count >= self.allowed:
            told = f"(count: {count + 1}, allowed: {self.allowed})"
            raise too_many(f"Too many requests in the last minute {told}.")


def too_many(text: str) -> Refusal:
    """A namespace asks for more than it may."""
    return Refusal(HTTPStatus.TOO_MANY_REQUESTS, text)
