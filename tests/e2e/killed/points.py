"""Where to kill a run: points among the commands of one that was let alone."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

POINTS = 20  # of a long series
DRAWN = 6  # of a run
UPLOAD = 1 << 20  # bytes; no file that is written from text is as large
RESTART = "systemctl restart"
ENABLE = "systemctl enable"
HELM = '\nhelm "$@"\n'  # the command that runs it


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

    @property
    def enables(self) -> bool:
        """Whether it enables a service, which then has never started."""
        return ENABLE in self.text

    @property
    def uploads(self) -> bool:
        """Whether it is killed amid an upload."""
        return self.reads > UPLOAD and self.gets < self.reads

    @property
    def helms(self) -> bool:
        """Whether it has Helm change the cluster."""
        return self.changes and HELM in self.text


def noted(notes: Path) -> list[Command]:
    """Return the commands of a run in the order in which they were given."""
    return [Command(**json.loads(line)) for line in notes.read_text().splitlines()]


def requests(notes: Path) -> list[str]:
    """Return the requests of a run to the Kubernetes API, each a method and a path."""
    file = notes.with_suffix(".requests")
    return file.read_text().splitlines() if file.exists() else []


def draw(commands: Sequence[Command], seed: int) -> list[Command]:
    """Return DRAWN commands, the same for the same seed; over all seeds, each command.

    One enables a service, one is amid an upload and one amid Helm, where there are such; of the
    others each host, and what changes something and what only looks, has the same chance.

    Args:
        commands: of a run; their order does not matter.
        seed: any number.
    """
    dice = random.Random(seed)  # noqa: S311
    left = sorted(commands, key=lambda each: (each.host, each.number))
    drawn: list[Command] = []

    def take(candidates: Sequence[Command]) -> None:
        if candidates:
            drawn.append(dice.choice(candidates))
            left.remove(drawn[-1])

    take([each for each in left if each.enables])
    take([each for each in left if each.uploads])
    take([each for each in left if each.helms])
    while left and len(drawn) < DRAWN:
        host = dice.choice(sorted({each.host for each in left}))
        changes = dice.choice(sorted({each.changes for each in left if each.host == host}))
        take([each for each in left if (each.host, each.changes) == (host, changes)])
    return drawn


def spread(commands: Sequence[Command]) -> list[Command]:
    """Return those that enable a service, and POINTS more, spread over those of each host.

    They are the first and the last of the host that gets the most, and one of each equal part.
    In each part it is the one that is most likely to be left half done. In which order the hosts
    were served does not matter, because it is never the same.
    """
    enabling = [each for each in commands if each.enables]
    commands = [each for each in commands if not each.enables]
    hosts = {each.host: [one for one in commands if one.host == each.host] for each in commands}
    *others, most = sorted(hosts.values(), key=lambda each: (len(each), each[0].host))
    first, *between, last = most
    shares = [(POINTS - 2) * len(each) // (len(commands) - 2) for each in others]
    chosen = _parts(between, POINTS - 2 - sum(shares))
    for each, share in zip(others, shares, strict=True):
        chosen += _parts(each, share)
    return [*enabling, first, *chosen, last]


def _parts(commands: Sequence[Command], count: int) -> list[Command]:
    edges = [len(commands) * part // count for part in range(count + 1)]
    return [max(commands[start:end], key=_delicate) for start, end in pairwise(edges)]


def _delicate(command: Command) -> tuple[bool, bool, int, int]:
    # What starts a service; else what changes something, of that what reads the most, of that the
    # longest: it does the most.
    return RESTART in command.text, command.changes, command.reads, len(command.text)
