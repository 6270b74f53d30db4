"""Whom a machine is asked to reach: everybody among a few, a few among many."""

from __future__ import annotations

import importlib
from itertools import permutations, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

# deploys.preflight has a function of the module's name.
peers = importlib.import_module("deploys.preflight.survey").peers
GROUPS = ("masters", "workers", "storage", "registry")


def test_a_few_ask_each_other() -> None:
    groups = {"m": ["masters"], "w1": ["workers"], "s": ["storage", "registry"]}
    assert {name: peers(name, groups) for name in groups} == {
        "m": ["s", "w1"], "s": ["m", "w1"], "w1": ["m", "s"],
    }  # fmt: skip


@given(st.lists(st.sets(st.sampled_from(GROUPS), min_size=1), min_size=7, max_size=80))
def test_many_ask_a_few_and_nobody_is_left_out(drawn: list[set[str]]) -> None:
    groups = {f"h{number}": sorted(own) for number, own in enumerate(drawn)}
    asked = {name: peers(name, groups) for name in groups}
    assert max(map(len, asked.values())) <= len(GROUPS) + 2
    assert {each for reached in asked.values() for each in reached} == set(groups)
    covered = {
        frozenset({a, b})
        for name, reached in asked.items()
        for each in reached
        for a, b in product(groups[name], groups[each])
    }
    apart = {
        frozenset({a, b})
        for one, other in permutations(groups, 2)
        for a, b in product(groups[one], groups[other])
    }
    assert covered == apart  # in one direction at least


@pytest.mark.parametrize("name", ["h0", "h9"])
def test_nobody_asks_himself(name: str) -> None:
    groups = {f"h{number}": ["workers"] for number in range(10)}
    assert name not in peers(name, groups)
