"""The locks' commands, on a real shell."""

from __future__ import annotations

import fcntl
import select
import subprocess
from pathlib import Path

import pytest
from pyinfra.api.command import QuoteString, StringCommand

from whisklab.engine.ssh import locks


@pytest.fixture(autouse=True)
def own_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(locks, "DIRECTORY", str(tmp_path / "it's here"))
    return tmp_path / "it's here"


def shell(command: StringCommand) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", command.get_raw_value()], capture_output=True, text=True, check=False,
        stdin=subprocess.DEVNULL, timeout=30,
    )  # fmt: skip


def test_a_locked_command_is_the_command() -> None:
    odd = StringCommand("echo", QuoteString("it's $HOME"), ";", "exit", "7")
    done = shell(locks.under_change_lock(odd))
    assert (done.returncode, done.stdout) == (7, "it's $HOME\n")


def test_a_command_waits_only_so_long(own_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whisklab.engine.limits.LOCK_WITHIN", 0)
    own_directory.mkdir()
    with (own_directory / "change.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = shell(locks.under_change_lock(StringCommand("echo", "ran")))
    assert done.returncode == locks.BUSY
    assert "still changing this host" in done.stderr
    assert done.stdout == ""


def test_the_second_holder_hears_of_the_first() -> None:
    line = locks.hold_command().get_raw_value()
    with subprocess.Popen(
        ["sh", "-c", line], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as first:
        assert first.stdout is not None
        assert first.stdin is not None
        assert first.stdout.readline() == f"{locks.HELD}\n"
        assert "process" in shell(locks.hold_command()).stdout
        first.stdin.close()
    assert shell(locks.hold_command()).stdout.startswith(locks.HELD)


def test_a_silent_holder_loses_the_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whisklab.engine.limits.RUN_SILENT", 1)
    line = locks.hold_command().get_raw_value()
    with subprocess.Popen(
        ["sh", "-c", line], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as held:
        assert held.stdin is not None
        held.stdin.write(3 * locks.BEAT)  # more than one at once is read one by one
        held.stdin.flush()
        assert held.wait(timeout=30) == 0
    assert shell(locks.hold_command()).stdout.startswith(locks.HELD)


def test_a_run_begins_when_what_a_dead_one_left_running_is_done(own_directory: Path) -> None:
    own_directory.mkdir()
    (own_directory / "run.before").write_text("user@laptop\n")
    with (own_directory / "change.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with subprocess.Popen(
            ["sh", "-c", locks.hold_command().get_raw_value()],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        ) as run:  # fmt: skip
            assert run.stdin is not None
            assert run.stdout is not None
            assert run.stdout.readline() == "waiting for a command of user@laptop\n"
            assert select.select([run.stdout], [], [], 0.5)[0] == []
            fcntl.flock(file, fcntl.LOCK_UN)
            assert run.stdout.readline() == f"{locks.HELD}\n"
            run.stdin.close()
    assert not (own_directory / "run.holder").exists()
    this_run = locks.holder().partition(", since")[0]
    assert (own_directory / "run.before").read_text().startswith(f"{this_run}, since ")


def test_a_run_waits_only_so_long(own_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whisklab.engine.limits.LOCK_WITHIN", 0)
    own_directory.mkdir()
    with (own_directory / "change.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        said = shell(locks.hold_command()).stdout
    assert said.splitlines() == [
        "waiting for a command of another run",
        "what it had begun still runs after 0 s",
    ]
    assert not (own_directory / "run.holder").exists()


def test_only_marked_commands_are_changing() -> None:
    assert not locks.is_changing()
    with locks.changing():
        assert locks.is_changing()
    assert not locks.is_changing()
