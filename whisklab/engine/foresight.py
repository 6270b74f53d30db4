"""What a host was asked in the last run, asked again at the beginning of the next, in one command.

So a run that changes nothing asks each host a few times instead of twenty. Questions are kept on
the laptop as the names of facts and their arguments, never as commands. An answer is used

- for one question: whoever asks again, because something may happen by itself, asks the host;
- until the first command of the run that may change any host, and for a minute at most.

Whatever is wrong with all this, each question is then asked by itself.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from pyinfra.api import FactBase
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host
from pyinfra.api.state import StateStage

from whisklab.engine import batch
from whisklab.engine.batch import as_command
from whisklab.engine.cache import writing
from whisklab.engine.many import Many
from whisklab.errors import WhisklabError
from whisklab.paths import cache_dir

LASTS = 60  # seconds
# Whose facts a file may name. Most of pyinfra's are as good, but `server.Command` runs anything.
OURS = ("whisklab.", "deploys.")
THEIRS = tuple(f"pyinfra.facts.server:{name}" for name in ("Arch", "Hostname", "Which"))
# These arguments of an operation make its facts those of another user or place.
_ELSEWHERE = ("_sudo_user", "_su_user", "_doas", "_dzdo", "_chdir", "_env", "_stdin")


@dataclass(frozen=True)
class Asked:
    """A question: the fact as `module:class`, its arguments as JSON."""

    fact: str
    arguments: str

    def given(self) -> dict[str, Any]:
        """Return its arguments."""
        found: dict[str, Any] = json.loads(self.arguments)
        return found

    def known(self) -> tuple[type[FactBase[Any]], StringCommand] | None:
        """Return the fact and its command; None for what this program does not have (any more).

        Nothing is imported because a file says so.
        """
        if not (self.fact in THEIRS or self.fact.startswith(OURS)):
            return None
        module, _, name = self.fact.partition(":")
        fact = getattr(sys.modules.get(module), name, None)
        if not (isinstance(fact, type) and issubclass(fact, FactBase) and _is_plain(fact)):
            return None
        try:
            return fact, as_command(fact().command(**self.given()))
        except Exception:  # noqa: BLE001  it takes other arguments now
            return None


@dataclass
class _Session:
    """One host in one run; `path` remembers its questions, from the time it was asked ahead."""

    asked: dict[Asked, None] = field(default_factory=dict)
    answers: dict[Asked, Any] = field(default_factory=dict)
    since: float = 0.0
    path: Path | None = None


_sessions: WeakKeyDictionary[Host, _Session] = WeakKeyDictionary()
_times_forgotten = [0]


def _session(host: Host) -> _Session:
    return _sessions.setdefault(host, _Session())


def question(host: Host, fact: object, arguments: Mapping[str, Any]) -> Asked | None:
    """Return what is asked; None when it cannot be asked ahead, as root and by one command."""
    given: Mapping[str, Any] = host.current_op_global_arguments or {}
    if any(given.get(key) for key in _ELSEWHERE) or not given.get("_sudo", host.data.get("_sudo")):
        return None
    if not (isinstance(fact, type) and issubclass(fact, FactBase)) or not _is_plain(fact):
        return None
    try:
        return Asked(f"{fact.__module__}:{fact.__qualname__}", json.dumps(arguments))
    except TypeError:  # an argument that is no plain value
        return None


def _is_plain(fact: type[FactBase[Any]]) -> bool:
    # A `momentary` fact is asked when its answer is needed and not before, such as a clock.
    return not getattr(fact, "momentary", False) and (
        fact.requires_command is FactBase.requires_command
        and fact.check_preconditions is FactBase.check_preconditions
        and fact.shell_executable is None
    )


def take(host: Host, asked: Asked) -> tuple[Any] | None:
    """Return the answer that came before the question, once; None when it must be asked."""
    session = _session(host)
    session.asked[asked] = None
    # (Of time.monotonic a laptop that sleeps knows nothing.)
    if not 0 <= time.time() - session.since <= LASTS or asked not in session.answers:
        return None
    return (session.answers.pop(asked),)


def forget() -> None:
    """Throw away the answers of all hosts: something may have changed one of them."""
    _times_forgotten[0] += 1
    for session in _sessions.values():
        session.answers.clear()


def ahead(host: Host, kind: Iterable[str]) -> None:
    """Ask a host what it was asked in the last run of the same kind, by one command.

    Args:
        host: connected.
        kind: what the questions depend on: the environment, the capabilities of the run.
    """
    session = _session(host)
    key = hashlib.sha256("\0".join([host.name, *kind]).encode()).hexdigest()
    session.path = cache_dir() / "asked" / f"{key}.json"
    session.asked.clear()
    session.answers.clear()
    session.since, before = time.time(), _times_forgotten[0]
    known = [(each, found) for each in _read(session.path) if (found := each.known())]
    commands = list(_commands(known))
    lines: list[list[str] | None] = []
    with suppress(WhisklabError):
        lines = batch.run(host, [each.command for each in commands], sudo=True, within=LASTS)
    for command, answer in zip(commands, lines, strict=False):
        if answer is not None and before == _times_forgotten[0]:
            session.answers.update(command.answers(answer))


@dataclass(frozen=True)
class _Command:
    """A command, and the questions of a kind that it answers."""

    command: StringCommand
    fact: type[FactBase[Any]]
    asked: tuple[Asked, ...]

    def answers(self, lines: list[str]) -> Mapping[Asked, Any]:
        """Return what it says; what is wrong with it, the run says when it asks again."""
        found: dict[Asked, Any] = {}
        with suppress(Exception):
            parts = self._apart(lines)
            for asked, part in zip(self.asked, parts, strict=True):
                with suppress(Exception):
                    found[asked] = self.fact().process(part) if part else self.fact.default()
        return found

    def _apart(self, lines: list[str]) -> list[list[str]]:
        if not issubclass(self.fact, Many):
            return [lines]
        return self.fact.apart(lines, [each.given() for each in self.asked])


_Known = tuple[Asked, tuple[type[FactBase[Any]], StringCommand]]


def _commands(known: Iterable[_Known]) -> Iterator[_Command]:
    of_a_kind: dict[type[Many[Any]], list[Asked]] = {}
    for asked, (fact, command) in known:
        if issubclass(fact, Many):
            of_a_kind.setdefault(fact, []).append(asked)
        else:
            yield _Command(command, fact, (asked,))
    for kind, several in of_a_kind.items():
        with suppress(Exception):  # a file of other arguments than such a fact has
            together = kind.together([each.given() for each in several])
            yield _Command(together, kind, tuple(several))


def remember(host: Host) -> None:
    """Keep the questions of a run that came to its end, for the next one."""
    session = _session(host)
    broken_off = host.state.current_stage == StateStage.Execute
    if session.path is None or host.state.failed_hosts or broken_off:
        return
    text = json.dumps([[each.fact, each.arguments] for each in session.asked], indent=1)
    # The next run is slower without it, nothing else.
    with suppress(WhisklabError), writing(session.path.parent):
        session.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = session.path.with_suffix(f".{secrets.token_hex(4)}")
        beside.write_text(text, encoding="utf-8")
        beside.replace(session.path)


def _read(path: Path) -> list[Asked]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [Asked(str(fact), str(arguments)) for fact, arguments in rows]
    except (OSError, ValueError, TypeError):  # there is none, or it is no list of ours
        return []
