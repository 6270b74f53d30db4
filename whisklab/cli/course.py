"""How far a long run is, by how long each of its parts took the last time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable

from whisklab.lab.state import write
from whisklab.paths import state_dir

_WORTH = 0.02  # of the whole; a shorter part is told together with the next one


class Course:
    """The parts of a run in their order, each with its time."""

    def __init__(self, name: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin.

        Args:
            name: of the run: what it is compared with is the last one of that name.
            clock: gives seconds.
        """
        self._file = state_dir() / "times" / f"{name}.json"
        self._clock = clock
        self._since = clock()
        self._before = self._read()
        self.parts: list[tuple[str, float]] = []

    def lap(self, name: str) -> float:
        """End the part that is going on, and call it `name`; return its seconds."""
        now = self._clock()
        seconds, self._since = now - self._since, now
        self.parts.append((name, seconds))
        return seconds

    def told(self) -> str:
        """How much of it is done and left, by the last time; empty when there was none."""
        if not self._before:
            return ""
        done = {name for name, _ in self.parts}
        left = {name: took for name, took in self._before.items() if name not in done}
        spent = self._clock() - self._since
        # What goes on now is the first of them.
        seconds = max(0.0, next(iter(left.values()), 0.0) - spent) + sum(list(left.values())[1:])
        whole = sum(self._before.values())
        done_of = f"{len(self._before) - len(left)}/{len(self._before)} parts"
        return f"{done_of}, {seconds:.0f} s of {whole:.0f} s left"  # short: terminals are narrow

    def keep(self) -> None:
        """Remember how long the parts took, for the next time."""
        self._file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write(self._file, json.dumps(dict(self.parts), indent=1) + "\n")

    def table(self) -> list[str]:
        """One line for each part worth one (with those before it), and their sum."""
        whole = sum(seconds for _, seconds in self.parts)
        rows: list[tuple[str, float]] = []
        short = 0.0
        for name, seconds in self.parts:
            short += seconds
            if short >= _WORTH * whole or name == self.parts[-1][0]:
                rows.append((name, short))
                short = 0.0
        rows.append(("in all", whole))
        width = max(len(name) for name, _ in rows)
        return [f"  {name.ljust(width)}  {seconds:7.1f} s" for name, seconds in rows]

    def _read(self) -> dict[str, float]:
        try:
            found = json.loads(self._file.read_text(encoding="utf-8"))
            return {str(name): float(seconds) for name, seconds in found.items()}
        except (FileNotFoundError, ValueError, TypeError, AttributeError):
            return {}  # it only says how long to wait
