"""What a host is to have, as data: each kind is one class with its fact, comparison and operation.

So whoever must know before the first change which machines would change (a rolling change takes one
after the other), a plan and the operation itself all go by the same comparison: `why`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from whisklab.engine.facts.question import Question


class Desired(Protocol):
    """Something that a host is to have."""

    @property
    def question(self) -> Question:
        """What to ask the host."""

    def why(self, found: Any) -> str | None:  # noqa: ANN401  the answer
        """Return half a sentence on what is not as wanted, None when it is. Pure."""

    def have(self) -> None:
        """Call the operation that brings it about on the current host."""


def unmet(wanted: Iterable[Desired], answers: Mapping[Question, object]) -> list[Desired]:
    """Return what a host has not, or of which it said nothing. Pure."""
    return [
        each
        for each in wanted
        if each.question not in answers or each.why(answers[each.question]) is not None
    ]
