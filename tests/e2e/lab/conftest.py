"""Labs for the tests: one for all of them, and others for what must not disturb it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.lab.rig import Lab
from tests.e2e.turns import first_up


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Two hosts, a and b, up for a whole file."""
    made = Lab(f"l{os.getpid()}", tmp_path_factory.mktemp("lab"))
    made.write("a", "b")
    with first_up():
        made.run("up")
    yield made
    made.end()


@pytest.fixture
def another(tmp_path: Path) -> Iterator[Callable[[str], Lab]]:
    """Makes labs of one test; not up yet, and down after the test."""
    labs: list[Lab] = []

    def make(prefix: str) -> Lab:
        new = Lab(f"{prefix}{os.getpid()}", tmp_path)
        new.write("a", "b")
        labs.append(new)
        return new

    yield make
    for one in labs:
        one.end()
