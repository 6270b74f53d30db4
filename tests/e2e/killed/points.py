"""Where to kill a run: points spread over all commands of one that was let alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

POINTS = 20


@dataclass(frozen=True)
class Command:
    """A command as driver.py noted it."""

    host: str
    number: int
    reads: int
    gets: int
    changes: bool
    text: str

    @property
    def point(self) -> str:
        """How driver.py is told to end at this command."""
        return f"{self.host}:{self.number}"


def noted(notes: Path) -> list[Command]:
    """Return the commands of a run in the order in which they were given."""
    return [Command(**json.loads(line)) for line in notes.read_text().splitlines()]


def spread(commands: Sequence[Command]) -> list[Command]:
    """Return POINTS commands: the first, the last, and one of each equal part between them.

    In each part it is the one that is most likely to be left half done.
    """
    first, *between, last = commands
    parts = POINTS - 2
    edges = [len(between) * part // parts for part in range(parts + 1)]
    chosen = [max(between[start:end], key=_delicate) for start, end in pairwise(edges)]
    return [first, *chosen, last]


def _delicate(command: Command) -> tuple[bool, int, int]:
    # What changes something, of that what reads the most, of that the longest: it does the most.
    return command.changes, command.reads, len(command.text)
