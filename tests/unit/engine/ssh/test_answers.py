"""Answers are found behind a mark, whatever a login prints before it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.connectors.util import CommandOutput, OutputLine

from whisklab.engine.ssh import refusals
from whisklab.engine.ssh.answers import after, behind, behind_mark

MARK = "0123456789abcdef"


def lines(name: str, *texts: str) -> list[OutputLine]:
    return [OutputLine(name, text) for text in texts]


def test_what_comes_before_the_mark_is_dropped_on_each_stream() -> None:
    out = lines("stdout", "Welcome", f"no newline{MARK}", "answer", MARK)
    err = lines("stderr", "noise", MARK, "error")
    found = behind(CommandOutput([out[0], err[0], out[1], err[1], out[2], err[2], out[3]]), MARK)
    assert found.stdout_lines == ["answer", MARK]  # the answer may hold anything
    assert found.stderr_lines == ["error"]
    whole = behind(CommandOutput(lines("stderr", "lost")), MARK)
    assert whole.stderr_lines == ["lost"]


def test_bytes_behind_the_mark() -> None:
    assert after(f"noise{MARK}\nan error\n".encode(), MARK) == "an error\n"
    assert after(b"an error\n", MARK) == after(b"an error\n", None) == "an error\n"


@pytest.mark.parametrize("mark", [MARK, None])
@pytest.mark.parametrize("size", [1, 3, 17, 100])
def test_it_is_passed_on_as_it_comes_whatever_the_pieces(mark: str | None, size: int) -> None:
    printed = (f"noise{MARK}\n" if mark else "").encode() + b"one\ntwo"
    pieces = [printed[at : at + size] for at in range(0, len(printed), size)]
    channel: Any = SimpleNamespace(recv_stderr=lambda _: pieces.pop(0) if pieces else b"")
    assert b"".join(behind_mark(channel, mark)) == b"one\ntwo"


def test_all_is_passed_on_where_no_mark_comes() -> None:
    pieces = [b"sudo: ", b"refused\n", b""]
    channel: Any = SimpleNamespace(recv_stderr=lambda _: pieces.pop(0))
    assert b"".join(behind_mark(channel, MARK)) == b"sudo: refused\n"


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("sh: 1: sudo: not found", "h has no sudo that u can run (sh: 1: sudo: not found): in"),
        ("sh: 1: sudo: Permission denied", "h has no sudo that u can run"),
        ("Sorry, user u is not allowed to execute sh", "sudo on h lets u run some programs only"),
        ("sudo: a password is required", "sudo on h refuses u (sudo: a password is required): a"),
    ],
)
def test_why_sudo_refuses(said: str, sentence: str) -> None:
    assert refusals.no_sudo("h", "u", [said], "FILE").startswith(sentence)


def test_a_shell_that_runs_nothing() -> None:
    told = refusals.no_shell("h", "u", ["This account is currently not available."])
    assert "(it says: This account is currently not available.)" in told
    assert "runs no command: give u a shell" in refusals.no_shell("h", "u", [])
