"""A cluster of three nodes, as its API server has them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from deploys.k3s import nodes
from tests.contract import fake_kubernetes as fake
from tests.contract.fake_kubernetes import Api, node

OURS = {nodes.CORDONED: "yes"}
ALL = ["m1", "w1", "w2"]
LOOK = "look at `journalctl -u 'k3s*'` there"
START = 1_750_000_000.0  # 2025-06-15T15:06:40Z


def cluster(**w2: Any) -> Api:
    """Three nodes; the last one as it is given."""
    return fake.of(node("m1"), node("w1"), node("w2", **w2))


def absent(api: Api) -> None:
    del api.nodes["w2"]


def condition(status: str) -> Callable[[Api], None]:
    return lambda api: api.nodes.update(w2=node("w2", ready=status))


def without(*keys: str) -> Callable[[Api], None]:
    def take(api: Api) -> None:
        there = api.nodes["w2"]
        for key in keys[:-1]:
            there = there[key]
        del there[keys[-1]]

    return take


NOT_READY: dict[str, Callable[[Api], None]] = {
    "no node": absent,
    "False": condition("False"),
    "Unknown": condition("Unknown"),
    "other conditions only": lambda api: api.nodes.update(w2=node("w2", ready=None)),
    "no conditions": without("status", "conditions"),
    "no status": without("status"),
    "null": lambda api: api.nodes["w2"].update(status=None),
}
ways = pytest.mark.parametrize("way", NOT_READY.values(), ids=NOT_READY)
