"""What a run was told to do with what it finds out."""

from __future__ import annotations

from dataclasses import dataclass

from pyinfra.api.state import State

from whisklab.engine import runs


@dataclass
class Intent:
    """Of one run.

    Attributes:
        dry: it only says what would be changed.
    """

    dry: bool = False


def goes_on(state: State) -> bool:
    """Tell whether a run will make its changes without asking its user (`-y`)."""
    return not state.check_for_changes and not runs.of(state).part(Intent).dry
