"""Two works at once: what is told when one of them fails."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from whisklab.errors import WhisklabError
from whisklab.lab.beside import beside
from whisklab.lab.common.run import Report


def test_both_go_on_at_once() -> None:
    meet = threading.Barrier(2, timeout=30)
    lines: list[str] = []

    def work(name: str) -> Callable[[Report], str]:
        def do(say: Report) -> str:
            meet.wait()  # neither comes here alone
            say(name)
            return name

        return do

    assert beside(work("a"), work("b"), lines.append) == ("a", "b")
    assert sorted(lines) == ["a", "b"]


@pytest.mark.parametrize("swapped", [False, True])
def test_a_failure_ends_the_other_and_is_the_one_that_is_told(swapped: bool) -> None:
    ended: list[bool] = []

    def fails(_say: Report) -> None:
        raise WhisklabError("no compiler")

    def goes_on(say: Report) -> None:
        try:
            while True:
                say("still there")
        finally:
            ended.append(True)

    one, other = (goes_on, fails) if swapped else (fails, goes_on)
    with pytest.raises(WhisklabError, match="^no compiler$"):
        beside(one, other, lambda _line: None)
    assert ended == [True]


def test_a_work_that_puts_its_end_into_its_own_sentence_is_not_the_one_that_is_told() -> None:
    def wraps(say: Report) -> None:
        try:
            while True:
                say("still there")
        except WhisklabError as error:
            raise WhisklabError(f"nothing can be fetched ({error})") from None

    def fails(_say: Report) -> None:
        raise WhisklabError("no compiler")

    with pytest.raises(WhisklabError, match="^no compiler$"):
        beside(wraps, fails, lambda _line: None)
