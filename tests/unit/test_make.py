"""What a long run shows: steps once, programs' output in a log, how far it is by the last time."""

from __future__ import annotations

import errno
import os
import pty
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from whisklab.cli import make as module
from whisklab.cli.course import Course
from whisklab.cli.logs import Log
from whisklab.cli.main import run as whisklab
from whisklab.cli.progress import Progress
from whisklab.errors import WhisklabError
from whisklab.lab import manage
from whisklab.lab.common.run import DETAIL

if TYPE_CHECKING:
    from whisklab.engine.run.display import Display


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty state directory."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state/whisklab"


def test_elsewhere_a_step_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log("x")
    with Progress(log) as progress:
        for line in ("compiling it: 1 packages", f"{DETAIL}pkg/a", "compiling it: 20 packages",
                     "starting worker1", "starting worker2"):  # fmt: skip
            progress.report(line)
        progress.glimpse("1/7 an operation")
        progress.line("something is wrong", "red")
    assert capsys.readouterr().err.splitlines() == [
        "compiling it: 1 packages", "starting worker1", "starting worker2", "something is wrong",
    ]  # fmt: skip
    kept = log.path.read_text()
    assert all(each in kept for each in ("pkg/a", "20 packages", "1/7 an operation"))


def test_a_failure_says_where_the_log_is(capsys: pytest.CaptureFixture[str]) -> None:
    log = Log("x")
    with pytest.raises(WhisklabError), Progress(log):
        raise WhisklabError("no")
    assert str(log.path) in capsys.readouterr().err


def all_of(terminal: int) -> str:
    """What was shown on a terminal that nobody writes to any more; it comes piece by piece."""
    shown = b""
    with os.fdopen(terminal, "rb", buffering=0) as end:
        try:
            while piece := end.read(65536):
                shown += piece
        except OSError as error:
            assert error.errno == errno.EIO  # noqa: PT017 (as a terminal says that it is closed)
    return shown.decode()


def test_a_terminal_shows_one_changing_line(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm")
    with os.fdopen(theirs, "w") as stream:
        monkeypatch.setattr("sys.stderr", stream)
        with Progress(course=lambda: "2/5 parts done", patience=0) as progress:
            progress.report("making an image")
            progress.report(f"{DETAIL}Unpacking libc6")
            progress.line("a warning")
    shown = all_of(mine)
    assert "2/5 parts done  making an image" in shown
    assert "Unpacking" not in shown
    assert "a warning" in shown
    assert shown.count("\n") <= 3  # the line that stays, and where the changing one was


def test_the_last_ten_logs_are_kept(state: Path) -> None:
    (state / "logs").mkdir(parents=True)
    for year in range(2000, 2020):
        (state / f"logs/{year}-01-01-000000-x-1.log").touch()
    log = Log("x")
    there = sorted((state / "logs").iterdir())
    assert len(there) == 10
    assert there[-1] == log.path


def test_what_is_left_is_told_by_the_last_time() -> None:
    now = [0.0]
    course = Course("make", lambda: now[0])
    assert course.told() == ""
    for name, seconds in (("machines", 100), ("a", 1), ("b", 50), ("verify", 10)):
        now[0] += seconds
        course.lap(name)
    course.keep()
    assert [row.split() for row in course.table()] == [
        ["machines", "100.0", "s"], ["b", "51.0", "s"],
        ["verify", "10.0", "s"], ["in", "all", "161.0", "s"],
    ]  # fmt: skip
    again = Course("make", lambda: now[0])
    now[0] += 30
    assert again.told() == "0/4 parts, 131 s of 161 s left"
    again.lap("machines")
    now[0] += 1000  # longer than the last time: the others are still to come
    assert again.told() == "1/4 parts, 60 s of 161 s left"


def test_damaged_times_are_as_none(state: Path) -> None:
    (state / "times").mkdir(parents=True)
    (state / "times/make.json").write_text("[1")
    assert Course("make").told() == ""


@pytest.mark.parametrize(
    ("code", "exit_code", "sentence"),
    [(1, 1, "the deploy of x failed"), (2, 2, "the deploy of x failed"), (130, 130, "interrupted")],
)
def test_a_deploy_that_fails_ends_make(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    code: int,
    exit_code: int,
    sentence: str,
) -> None:
    for name in ("config.py", "deploy.py", "inventories/x.py"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(manage, "up", lambda *_, **__: None)
    monkeypatch.setattr(module, "print_up", lambda *_: None)

    def apply(inventory: str, display: Display, *, output: Log) -> SimpleNamespace:
        display.begin(2)
        display.operation("Stage: all is fit")
        display.error("h: no space left")
        output.write("--> pyinfra's own words\n")
        return SimpleNamespace(code=code)

    # The real one patches the standard library for gevent: for all tests that follow.
    fake = SimpleNamespace(apply=apply, BAD_INPUT=2, INTERRUPTED=130)
    monkeypatch.setitem(sys.modules, "whisklab.engine.run.start", SimpleNamespace(run=fake))
    assert whisklab(["make", "x"]) == exit_code
    said = capsys.readouterr()
    assert sentence in said.err
    assert "h: no space left" in said.err
    assert "pyinfra's own words" not in said.out + said.err
    (log,) = (tmp_path / "state/whisklab/logs").iterdir()
    assert "pyinfra's own words" in log.read_text()
