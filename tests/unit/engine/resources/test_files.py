"""Pure parts of file operations."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from whisklab.engine.resources.blocks import with_block
from whisklab.engine.resources.paths import FileState, Stat, digest, written

LINES = st.lists(st.text(st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=20))


@given(LINES, LINES)
def test_a_block_twice_is_a_block_once(old: list[str], lines: list[str]) -> None:
    once = with_block(written("\n".join(old)), "mark", lines)
    assert with_block(once, "mark", lines) == once


@given(LINES, LINES, LINES)
def test_the_rest_of_the_file_stays(before: list[str], lines: list[str], after: list[str]) -> None:
    text = with_block("\n".join(["a", *before]), "mark", ["old"]) + "\n".join([*after, "z"])
    new = with_block(text, "mark", lines)
    removed = with_block(new, "mark", [])
    assert removed == with_block(text, "mark", [])
    assert removed.startswith("a\n")
    assert removed.endswith("z\n")


def test_a_block_in_its_old_place() -> None:
    text = "a\n# BEGIN m\nold\n# END m\nz\n"
    assert with_block(text, "m", ["new"]) == "a\n# BEGIN m\nnew\n# END m\nz\n"


def test_stat_of_file_and_directory() -> None:
    sha = digest("x")
    answer = ["regular file|root:root|600", f"{sha}  -"]
    assert Stat().process(answer) == FileState("regular file", "root:root", "600", sha)
    assert Stat().process(["directory|a:b|755"]) == FileState("directory", "a:b", "755", None)
