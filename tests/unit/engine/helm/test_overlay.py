"""Edits of a chart's files, tied to lines of the original."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisklab.engine.helm.overlay import Edit, Overlay, filled
from whisklab.errors import BadInput

SCRIPT = b"one\n    git checkout $TAG\nthree\nthree\n"


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        ("replace", "one\n    new\n    lines\nthree\nthree\n"),
        ("before", "one\n    new\n    lines\n    git checkout $TAG\nthree\nthree\n"),
        ("after", "one\n    git checkout $TAG\n    new\n    lines\nthree\nthree\n"),
    ],
)
def test_an_edit_keeps_the_indentation(where: str, expected: str) -> None:
    edit = Edit("a.sh", "git checkout $TAG", "new\nlines", where)  # type: ignore[arg-type]
    assert Overlay((edit,)).applied({"a.sh": SCRIPT})["a.sh"].decode() == expected


def test_edits_build_on_one_another_and_on_given_files() -> None:
    overlay = Overlay(
        (Edit("b.sh", "x", "y"), Edit("b.sh", "y", "z")), {"b.sh": b"x\n", "new/c": b"\x00"}
    )
    assert overlay.applied({"b.sh": b"old\n"}) == {"b.sh": b"z\n", "new/c": b"\x00"}


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (Edit("a.sh", "git checkout", "x"), "is not there, expected once"),
        (Edit("a.sh", "three", "x"), "is 2 times, expected once"),
        (Edit("b.sh", "one", "x"), "b.sh: the chart has no such file"),
    ],
)
def test_an_anchor_must_be_there_once(edit: Edit, expected: str) -> None:
    with pytest.raises(BadInput, match=expected):
        Overlay((edit,)).applied({"a.sh": SCRIPT})


def test_an_anchor_may_be_several_lines() -> None:
    edit = Edit("a.sh", "git checkout $TAG\nthree", "x")
    assert Overlay((edit,)).applied({"a.sh": SCRIPT})["a.sh"] == b"one\n    x\nthree\n"


def test_each_change_changes_the_digest() -> None:
    all_of_them = [
        Overlay(),
        Overlay((Edit("a", "b", "c"),)),
        Overlay((Edit("a", "b", "cc"),)),
        Overlay((Edit("a", "b", "c", "after"),)),
        Overlay((), {"a": b"bc"}),
        Overlay((), {"ab": b"c"}),
    ]
    assert len({each.digest for each in all_of_them}) == len(all_of_them)
    assert not all_of_them[0]


def test_ours_is_filled_in_and_the_shells_own_is_left() -> None:
    text = "curl ${URL}/$OW_TAG $(date) $${HOME} ${lower} $1"
    assert (
        filled(text, {"URL": "http://x"}, "t")
        == "curl http://x/$OW_TAG $(date) ${HOME} ${lower} $1"
    )


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(BadInput, match=re.escape("mine: ${HOME} has no value, there are URL")):
        filled("${HOME}", {"URL": ""}, "mine")


@given(st.text(alphabet=st.characters(exclude_characters="$"), max_size=40))
def test_a_text_without_a_dollar_is_as_it_was(text: str) -> None:
    assert filled(text, {}, "t") == text
