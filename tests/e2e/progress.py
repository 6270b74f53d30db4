"""How far something is, which a slow machine tells and a quick one does not: not what was done."""

from __future__ import annotations

import re

# `host: what, 30 s`, `host: what, 30 s: why`, `host: whom it waits for (30 s)`
TOLD = re.compile(r"[\w.-]+: .*(?:, \d+ s(?:: .*)?| \(\d+ s\))")


def without(output: str) -> list[str]:
    """The lines of an output without those that only tell how far something is."""
    return [line for line in output.splitlines() if not TOLD.fullmatch(line)]
