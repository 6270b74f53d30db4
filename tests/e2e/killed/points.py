"""Where to kill a run: points spread over all commands of one that was let alone."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

POINTS = 20
RESTART = "systemctl restart"


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
    """Return POINTS commands, spread over those of each host.

    They are the first and the last of the host that gets the most, and one of each equal part.
    In each part it is the one that is most likely to be left half done. In which order the hosts
    were served does not matter, because it is never the same.
    """
    hosts = {each.host: [one for one in commands if one.host == each.host] for each in commands}
    *others, most = sorted(hosts.values(), key=lambda each: (len(each), each[0].host))
    first, *between, last = most
    shares = [(POINTS - 2) * len(each) // (len(commands) - 2) for each in others]
    chosen = _parts(between, POINTS - 2 - sum(shares))
    for each, share in zip(others, shares, strict=True):
        chosen += _parts(each, share)
    return [first, *chosen, last]


def _parts(commands: Sequence[Command], count: int) -> list[Command]:
    edges = [len(commands) * part // count for part in range(count + 1)]
    return [max(commands[start:end], key=_delicate) for start, end in pairwise(edges)]


def _delicate(command: Command) -> tuple[bool, bool, int, int]:
    # What starts a service; else what changes something, of that what reads the most, of that the
    # longest: it does the most.
    return RESTART in command.text, command.changes, command.reads, len(command.text)
