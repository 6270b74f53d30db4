"""A `Match exec` of ssh_config(5) holds when its command ends well."""

from __future__ import annotations

import os
import select
import subprocess
import sys
from pathlib import Path

import paramiko
import pytest

from whisklab.engine.ssh import matched
from whisklab.errors import BadInput


def user(monkeypatch: pytest.MonkeyPatch, text: str) -> str | None:
    """Return what such a file says of the host h, as paramiko reads it."""
    monkeypatch.setattr(paramiko.config, "invoke", matched)
    found = paramiko.SSHConfig.from_text(text).lookup("h").get("user")
    return None if found is None else str(found)


@pytest.mark.parametrize(
    ("command", "holds"),
    [
        ("true", True),
        ("false", False),
        ('"test %h = h && test -n \\"$HOME\\""', True),
        ('"test %h = other"', False),
        ("/nonexistent/program", False),
        ('"cat | grep ."', False),  # nothing is read
        ('"[[ %h == h* ]]"', True),  # of bash, the user's shell here
    ],
)
def test_the_condition_is_a_command_of_a_shell(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], command: str, *, holds: bool
) -> None:
    monkeypatch.setenv("SHELL", "/bin/bash")
    found = user(monkeypatch, f"Match exec {command}\n  User there\n")
    assert found == ("there" if holds else None)
    assert capfd.readouterr().out == ""


def test_one_that_does_not_end_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(matched, "WITHIN", 1.0)
    fifo = tmp_path / "held"  # by all that the command starts
    os.mkfifo(fifo)
    held = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(BadInput, match=r"has `Match exec exec 3> .*`, which has not ended"):
        matched.run(f"exec 3> {fifo}; echo begun >&3; sleep 1000 & wait")
    ended = select.poll()
    ended.register(held, 0)  # told that nobody holds it, not that there is something to read
    assert ended.poll(10_000) == [(held, select.POLLHUP)]
    assert os.read(held, 100) == b"begun\n"
    os.close(held)


def test_the_engine_puts_it_in_place() -> None:
    """In a process of its own: the engine's hooks patch the standard library."""
    code = """
from whisklab.engine.run import hooks
from whisklab.engine.ssh import matched
hooks.install([])
import paramiko.config
assert paramiko.config.invoke is matched
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
