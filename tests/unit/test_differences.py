"""What a failed comparison of two states of hosts says."""

from __future__ import annotations

import pytest

from tests.e2e.cluster.site import Snapshot
from tests.e2e.differences import LENGTH, LINES, told

BEFORE = {"server": Snapshot({"k3s": "7@1", "nfs": "9@1"}, {"/etc/a": "1", "/etc/b": "2"})}


def test_of_equal_states_nothing_is_said() -> None:
    assert told(BEFORE, {**BEFORE}) == []


@pytest.mark.parametrize(
    ("services", "files", "line"),
    [
        ({"k3s": "8@5", "nfs": "9@1"}, {"/etc/a": "1", "/etc/b": "2"},
         "server services k3s: '8@5', and it was '7@1'"),
        ({"nfs": "9@1"}, {"/etc/a": "1", "/etc/b": "2"}, "server services k3s: '7@1' is gone"),
        ({"k3s": "7@1", "nfs": "9@1"}, {"/etc/a": "1", "/etc/b": "2", "/etc/c": "3"},
         "server files /etc/c: '3' came"),
    ],
)  # fmt: skip
def test_a_difference_is_named_by_its_way(
    services: dict[str, str], files: dict[str, str], line: str
) -> None:
    assert told({"server": Snapshot(services, files)}, BEFORE) == [line]


def test_of_sets_what_came_and_what_went_is_said() -> None:
    assert told({"pods": {"b", "c"}}, {"pods": {"a", "b"}}) == [
        "pods: 'c' came",
        "pods: 'a' is gone",
    ]


def test_values_of_another_kind_are_shown_and_long_ones_cut() -> None:
    (line,) = told({"a": "x" * 9999}, {"a": None})
    assert line.startswith("a: 'xxx")
    assert line.endswith("..., and it was None")
    assert len(line) < LENGTH + 40


def test_what_is_too_much_is_counted() -> None:
    lines = told({str(number): number for number in range(LINES + 5)}, {})
    assert len(lines) == LINES + 1
    assert lines[-1] == "and 5 more"
