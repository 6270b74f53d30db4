"""Where the end-to-end tests kill a run: drawn anew each time, and never all in one place."""

from __future__ import annotations

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from tests.e2e.killed.points import DRAWN, ENABLE, HELM, UPLOAD, Command, draw

SEEDS = 2000  # enough for each command to be drawn


def command(host: str, number: int) -> Command:
    text = {7: f"x && {ENABLE} k3s", 8: f"sh -c '{HELM}'"}.get(number, f"command {number}")
    size = 2 * UPLOAD if number == 3 else 0
    return Command(host, number, size, size // 2, number % 3 != 0, text)


RUN = [command(host, number) for host in ("master", "worker1") for number in range(1, 31)]


@given(st.integers(), st.randoms())
def test_a_seed_draws_the_same_whatever_the_order(seed: int, dice: Random) -> None:
    shuffled = sorted(RUN, key=lambda _: dice.random())
    assert draw(shuffled, seed) == draw(RUN, seed)


@given(st.integers())
def test_a_draw_has_one_of_each_delicate_kind(seed: int) -> None:
    drawn = draw(RUN, seed)
    assert len(set(drawn)) == len(drawn) == DRAWN
    assert any(each.enables for each in drawn)
    assert any(each.uploads for each in drawn)
    assert any(each.helms for each in drawn)


@given(st.integers())
def test_a_lab_without_helm_has_as_many(seed: int) -> None:
    without = [each for each in RUN if not each.helms]
    assert len(set(draw(without, seed))) == DRAWN


@given(st.lists(st.integers(1, 30), max_size=DRAWN, unique=True), st.integers())
def test_a_short_run_is_drawn_whole(numbers: list[int], seed: int) -> None:
    run = [command("master", number) for number in numbers]
    assert sorted(each.number for each in draw(run, seed)) == sorted(numbers)


def test_each_command_is_drawn_some_time() -> None:
    assert {each for seed in range(SEEDS) for each in draw(RUN, seed)} == set(RUN)
