"""What the API of a server has answered, and for how long that is good.

As with the answers of hosts (`facts.answers`): once the server was looked at, until a command
begins that may change any host, and for a minute; nothing that is asked while such a command runs,
or while somebody waits for a change.
A list answers for what is in it, too: for a namespace, for one object.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pyinfra.api.host import Host

from whisklab.engine import runs
from whisklab.engine.facts.answers import LASTS, Answers
from whisklab.engine.kubernetes.objects import NO_RECORDS

JSON = "application/json"
NOTE = "kubernetes"  # the kind of notes for the next run
_SOME = "?limit=500"  # a list with more goes on elsewhere, and is of no use here
_PATH = re.compile(
    r"(?P<base>/api/v1|/apis/[^/]+/[^/]+)(/namespaces/(?P<space>[^/]+))?"
    r"/(?P<plural>[a-z]+)(/(?P<name>[^/]+))?"
)
_RECORD = "sh.helm.release."  # begins the names of Helm's own records, which are large
# Not asked for in lists of whole clusters: what there may be very much of.
_MANY = ("events", "pods", "replicasets")


@dataclass(frozen=True)
class Get:
    """A request that only reads: its path, and the form of the answer."""

    path: str
    accept: str = JSON

    @property
    def ahead(self) -> Get:
        """What to ask in its place at the look: a list that answers for more. Pure.

        Secrets are asked for in their own namespace only, and those of Helm one by one.
        """
        found = _PATH.fullmatch(self.path)
        if self.accept != JSON or found is None or found["plural"] in _MANY:
            return self
        if found["plural"] != "secrets":
            return Get(f"{found['base']}/{found['plural']}{_SOME}")
        if not found["name"] or found["name"].startswith(_RECORD):
            return self
        return Get(self.path.removesuffix(f"/{found['name']}") + NO_RECORDS)


State = tuple[int, int | None]  # how often anything, and the server, may have been changed


@dataclass(frozen=True)
class _Answer:
    value: Any
    at: float
    state: State


@dataclass
class Seen:
    """The answers of the servers of a run."""

    _answers: dict[tuple[str, Get], _Answer] = field(default_factory=dict)

    @staticmethod
    def state(host: Host) -> State:
        """Return what an answer is kept with: as it is when the question is sent.

        It is another one when a command has begun or ended, or the server's lock was taken: another
        run may have been at work.
        """
        run = runs.on(host).part(Answers)
        return run.times_changed, run.of(host.name).changes

    def keep(self, host: Host, asked: Get, value: object, state: State) -> None:
        """Keep an answer to what was asked in this `state`."""
        run = runs.on(host).part(Answers)
        if run.of(host.name).path is not None and run.settled and state == self.state(host):
            self._answers[host.name, asked] = _Answer(value, time.time(), state)

    def note(self, host: Host, server: Sequence[str | int], asked: Get) -> None:
        """Have the next run know that this was asked, see `noted`.

        Args:
            host: the server.
            server: where its API is: what an Endpoint has.
            asked: of it; not what is asked while a command runs, such as the state of what it made.
        """
        run = runs.on(host).part(Answers)
        if run.settled:
            ahead = asked.ahead
            text = json.dumps([*server, ahead.path, ahead.accept])
            run.of(host.name).notes[NOTE, text] = None

    def know(self, host: Host, asked: Get) -> tuple[Any] | None:
        """Return what answers a request, None inside for an object that is not there.

        None: the API must be asked.
        """
        value = self._good(host, asked)
        if value is not None:
            return (_copy(value),)
        if asked.ahead == asked or (whole := self._good(host, asked.ahead)) is None:
            return None
        found = _PATH.fullmatch(asked.path)
        return _part(whole, found) if found and _is_whole(whole) else None

    def _good(self, host: Host, asked: Get) -> Any:  # noqa: ANN401  JSON, or text
        run, found = runs.on(host).part(Answers), self._answers.get((host.name, asked))
        if found is None or not run.settled or found.state != self.state(host):
            return None
        return found.value if 0 <= time.time() - found.at <= LASTS else None


def _is_whole(found: object) -> bool:
    """Tell whether an answer is a list of objects that does not go on elsewhere."""
    if not isinstance(found, dict) or not {"kind", "apiVersion", "items"} <= set(found):
        return False
    items = found["items"] or []
    named = isinstance(items, list) and all(
        isinstance(each, dict) and "name" in (each.get("metadata") or {}) for each in items
    )
    return named and not (found.get("metadata") or {}).get("continue")


def _part(whole: Mapping[str, Any], asked: re.Match[str]) -> tuple[Any] | None:
    """Return the list of a namespace, or an object, out of a list. Pure."""
    items = [
        each
        for each in whole.get("items") or []
        if asked["space"] in (None, each["metadata"].get("namespace"))
    ]
    if not asked["name"]:
        return (_copy({**whole, "items": items}),)
    named = [each for each in items if each["metadata"]["name"] == asked["name"]]
    if not named:
        # A list of secrets lacks some.
        return None if asked["plural"] == "secrets" else (None,)
    kind = str(whole["kind"]).removesuffix("List")
    return (_copy({"kind": kind, "apiVersion": whole["apiVersion"], **named[0]}),)


def _copy(value: Any) -> Any:  # noqa: ANN401  JSON, or text
    return json.loads(json.dumps(value))  # much faster than deepcopy
