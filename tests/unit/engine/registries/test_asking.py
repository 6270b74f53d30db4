"""What a registry answers to a node, in words."""

from __future__ import annotations

import pytest

from whisklab.engine.registries.asking import refusal


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ("401", "answers 401 to worker1 with the account nodes, expected 200"),
        ("curl: (7) Failed 000", "does not answer worker1 (curl: (7) Failed)"),
        ("curl: (60) SSL certificate problem 000",
         "does not answer worker1 (curl: (60) SSL certificate problem)"),
    ],
)  # fmt: skip
def test_a_refusal_says_what_came_instead(found: str, words: str) -> None:
    assert refusal(found, "worker1", "nodes") == words


def test_nobody_has_no_account() -> None:
    assert refusal("401", "worker1", "") == (
        "answers 401 to worker1 without an account, expected 200"
    )
