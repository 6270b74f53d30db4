"""Where the time of a run went."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass
class Laps:
    """What took how long, in seconds."""

    spent: dict[str, float] = field(default_factory=dict)
    _since: float = field(default_factory=time.monotonic)

    def lap(self, name: str) -> None:
        """End a part that began with the last one's end."""
        now = time.monotonic()
        self.spent[name] = round(now - self._since, 2)
        self._since = now
