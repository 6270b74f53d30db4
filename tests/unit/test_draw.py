"""That every file of the long series has its turn, and a quarter of their time is run each time."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.e2e import draw, spent

ROOT = Path(__file__).parents[2]


@given(st.text())
def test_three_quarters_of_the_time_are_left_out_at_most(seed: str) -> None:
    times = spent.usual()
    out = draw.left_out(seed, times)
    assert out == draw.left_out(seed, times)
    assert set(out) < set(draw.SERIES)
    total = sum(times.get(file, draw.UNKNOWN) for file in draw.SERIES)
    left = sum(times.get(file, draw.UNKNOWN) for file in out)
    assert total / 2 < left <= draw.LEFT_OUT * total


def test_each_has_its_turn() -> None:
    times = spent.usual()
    drawn = {
        file
        for seed in range(40)
        for file in set(draw.SERIES) - set(draw.left_out(str(seed), times))
    }
    out = {file for seed in range(40) for file in draw.left_out(str(seed), times)}
    assert drawn == out == set(draw.SERIES)


def test_without_a_seed_nothing_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(draw.SEED, raising=False)
    assert draw.now({}) == []
    monkeypatch.setenv(draw.SEED, "7")
    assert draw.now({}) == draw.left_out("7", {}) != []


def test_the_files_are_there() -> None:
    assert [file for file in draw.SERIES if not (ROOT / file).is_file()] == []
