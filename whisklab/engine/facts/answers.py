"""What hosts have answered in a run, and for how long that is good.

An answer of the look, which a host is asked right after connecting, is good for whoever asks until

- a command begins that may change any host of the run, and every command of an operation may;
- this run gets the lock of a host that it did not have at the look: another one may have been at
  work;
- a minute has passed, since things also change by themselves.

From then on each question goes to the host. So who waits in a command for what that has begun asks
anew each time; who waits elsewhere says so (`anew`). What is kept for operations in a row that
compare with the same thing is good until a command begins that may change that host, and for the
phase of the run (preparing, executing) in which it was asked.
"""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from whisklab.engine.facts.question import Question

LASTS = 60  # seconds


@dataclass(frozen=True)
class Answer:
    """What a host said to a question, between two readings of the laptop's clock.

    Attributes:
        value: the fact.
        sent: seconds since the epoch.
        received: the same.
    """

    value: Any
    sent: float
    received: float


@dataclass
class HostAnswers:
    """Of one host in one run.

    Attributes:
        run: what goes on in it.
        asked: all questions of the run, in their order.
        notes: what other rooms want to be told of at the next look: a kind, and a text of theirs.
        path: where both are remembered, once it was looked.
        changes: how often the host may have been changed in this run: the commands for it that were
            sent, and whatever another run did before this one had the lock. None: nobody counts.
    """

    run: Answers
    asked: dict[Question, None] = field(default_factory=dict)
    notes: dict[tuple[str, str], None] = field(default_factory=dict)
    path: Path | None = None
    changes: int | None = None
    _seen: dict[Question, Answer] = field(default_factory=dict)
    _kept: dict[Question, tuple[Hashable, Any]] = field(default_factory=dict)

    @property
    def fresh(self) -> bool:
        """Whether the host was looked at, and nothing has made that old."""
        return bool(self._seen)

    def saw(self, found: Mapping[Question, Any], sent: float, received: float) -> None:
        """Take what the host answered at the look."""
        self._seen = {each: Answer(value, sent, received) for each, value in found.items()}

    def know(self, question: Question) -> Answer | None:
        """Return the answer of the look that is good for a question; None: ask the host."""
        if not self.run.settled:  # the next run need not ask how far something is that this one did
            return None
        self.asked[question] = None
        found = self._seen.get(question)
        # (Of time.monotonic a laptop that sleeps knows nothing.)
        return found if found and 0 <= time.time() - found.sent <= LASTS else None

    def counts(self) -> None:
        """From now on somebody counts the changes of this host."""
        self.changes = self.changes or 0

    def changed(self) -> None:
        """A command begins that may change this host, or another run has been at work on it."""
        self.changes = (self.changes or 0) + 1

    def forget(self) -> None:
        """Something may have changed: what was seen is old."""
        self._seen.clear()

    def keep(self, question: Question, phase: Hashable, value: Any) -> None:  # noqa: ANN401
        """Keep what the host answered just now."""
        if self.changes is not None:
            self._kept[question] = ((phase, self.changes), value)

    def kept(self, question: Question, phase: Hashable) -> tuple[Any] | None:
        """Return what was kept, if it is good still."""
        at, value = self._kept.get(question, (None, None))
        return (value,) if at == (phase, self.changes) else None


class Answers:
    """Of all hosts of a run.

    Attributes:
        times_changed: how often commands began or ended that may change any host.
    """

    def __init__(self) -> None:
        self._hosts: dict[str, HostAnswers] = {}
        self.times_changed = 0
        self._under_way = 0

    def of(self, host: str) -> HostAnswers:
        """Return those of one host, by its name."""
        if host not in self._hosts:
            self._hosts[host] = HostAnswers(self)
        return self._hosts[host]

    @property
    def settled(self) -> bool:
        """Whether nobody changes any host, or waits for a change, at this moment."""
        return not self._under_way

    @contextmanager
    def anew(self) -> Iterator[None]:
        """A change is waited for: whatever is asked is asked anew, and nothing is kept of it."""
        self._under_way += 1
        try:
            yield
        finally:
            self._under_way -= 1

    @contextmanager
    def changing(self) -> Iterator[None]:
        """A command runs that may change any host: what was seen of all is old, and is after it."""
        self._changed()
        try:
            with self.anew():
                yield
        finally:
            self._changed()  # what was asked meanwhile is as old

    def _changed(self) -> None:
        self.times_changed += 1
        for each in self._hosts.values():
            each.forget()
