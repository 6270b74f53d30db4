"""`make lab` in a fresh copy of the repository: what it prints, and what one then has."""

from __future__ import annotations

import pytest

from tests.e2e.bases import Base
from tests.e2e.progress import without

pytestmark = pytest.mark.e2e

LINES = 60  # one screen or two, not a log


def test_a_new_lab_ends_with_what_was_tried(made: Base) -> None:
    rows = [line for line in made.output.splitlines() if " ok " in line]
    for check in ("hello.js by wsk", "hello.js by the REST API", "hello.py by its URL",
                  "7 in /whisk.system", "cold ", "the stand-in, not OpenWhisk itself"):  # fmt: skip
        assert any(check in row for row in rows), made.output[-4000:]


def test_it_tells_how_long_it_took_and_with_what(made: Base) -> None:
    assert "Where the time went:" in made.output
    assert "stand-ins" in made.output


def test_it_is_short(made: Base) -> None:
    """On a slow machine it also tells how far things are, each half a minute."""
    assert len(without(made.output)) < LINES, made.output
