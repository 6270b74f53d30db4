"""What packages say of one another, read and compared as dpkg does."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisklab.engine.debian.relations import Control, Relation, is_newer, parsed, written

names = st.text(string.ascii_lowercase + string.digits, min_size=2, max_size=6)
versions = st.text(string.ascii_letters + string.digits + ".+~", min_size=1, max_size=6).map(
    lambda text: f"1:{text}-2"
)
relations = st.builds(
    lambda name, operator, version: Relation(name, operator, version if operator else ""),
    names, st.sampled_from(["", "<<", "<=", "=", ">=", ">>"]), versions,
)  # fmt: skip
groups = st.lists(st.lists(relations, min_size=1, max_size=3).map(tuple), max_size=4).map(tuple)


@given(groups)
def test_what_is_written_is_read_again(found: tuple[tuple[Relation, ...], ...]) -> None:
    assert parsed(", ".join(map(written, found))) == found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ()),
        ("libc6 (>= 2.36), ", ((Relation("libc6", ">=", "2.36"),),)),
        ("python3:any (<<3.12~)", ((Relation("python3", "<<", "3.12~"),),)),
        ("a|b (=1:2.0+b~1)", ((Relation("a"), Relation("b", "=", "1:2.0+b~1")),)),
        ("libstdc++6,\n g++-12", ((Relation("libstdc++6"),), (Relation("g++-12"),))),
    ],
)
def test_forms(text: str, found: object) -> None:
    assert parsed(text) == found


@pytest.mark.parametrize("text", ["a b", "a (~ 1)", "a (>= )", "a |", "-a", "a (>= 1"])
def test_what_is_no_relation(text: str) -> None:
    with pytest.raises(ValueError, match="is no relation"):
        parsed(text)


@pytest.mark.parametrize(
    ("operator", "older", "same", "newer"),
    [
        ("", True, True, True),
        ("<<", True, False, False), ("<=", True, True, False), ("=", False, True, False),
        (">=", False, True, True), (">>", False, False, True),
        ("<", True, True, False), (">", False, True, True),
    ],
)  # fmt: skip
def test_versions_are_compared_by_debians_rules(
    operator: str, *, older: bool, same: bool, newer: bool
) -> None:
    relation = Relation("a", operator, "1:2.0+b~1" if operator else "")
    found = [relation.admits(each) for each in ("3.0", "1:2.0+b~1", "1:2.0+b")]
    assert found == [older, same, newer]
    assert relation.admits(None) is (operator == "")
    assert is_newer("1:2.0+b", "1:2.0+b~1")
    assert not is_newer("1:2.0+b~1", "1:2.0+b~1")


def test_what_is_provided_satisfies_as_policy_says() -> None:
    """With a version only what is provided with one (deb-control(5), Provides)."""
    found = Control("exim", "4", provides="mta, smtp (= 2.0), smtp (= 3.0)")
    assert found.satisfies(Relation("mta"))
    assert not found.satisfies(Relation("mta", ">=", "1"))
    assert found.satisfies(Relation("smtp", "=", "3.0"))
    assert not found.satisfies(Relation("smtp", ">>", "3.0"))
    assert found.satisfies(Relation("exim", "=", "4"))
