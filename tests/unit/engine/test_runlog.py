"""What a run asked of its hosts is written down, and nothing that nobody is to see."""

from __future__ import annotations

import json
import os
import string
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisklab.cli.main import run
from whisklab.engine import runlog
from whisklab.engine.runlog import KEPT, TAIL, RunLog, files, masked, read, story

TOKEN = "hunter2-of-the-cluster"  # noqa: S105
KUBECONFIG = f"apiVersion: v1\nusers:\n- user:\n    client-key-data: {'Zm9v' * 20}\n"
KEY = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIDx\n-----END PRIVATE KEY-----\n"


def add(log: RunLog, command: str = "true", *, ok: bool = True, output: str = "") -> None:
    log.add("w1", "k3s: files | Link", command, 0.5, ok=ok, output=output.splitlines())


def test_commands_are_written_down_with_how_they_ended(tmp_path: Path) -> None:
    log = RunLog(tmp_path / "logs/lab", "apply")
    assert not (tmp_path / "logs").exists()  # nothing was asked yet
    add(log, output="a\nb\n")
    add(log, "false", ok=False, output="".join(f"{n}\n" for n in range(100)))
    (path,) = files(tmp_path / "logs/lab")
    assert path == log.path
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    found = read(path)
    assert (found.what, log.failed) == ("apply", 1)
    assert abs(found.began - time.time()) < 60
    well, badly = found.entries
    assert (well.host, well.operation, well.command) == ("w1", "k3s: files | Link", "true")
    assert (well.ok, well.lines, well.said, well.seconds) == (True, 2, (), 0.5)
    assert (badly.ok, badly.lines) == (False, 100)
    assert badly.said == tuple(str(n) for n in range(100 - TAIL, 100))


def test_the_newest_are_kept(tmp_path: Path) -> None:
    for number in range(KEPT + 3):
        log = RunLog(tmp_path, str(number))
        add(log)
        assert log.path is not None
        os.utime(log.path, (number, number))
    add(RunLog(tmp_path, "last"))
    there = [read(path).what for path in files(tmp_path)]
    assert there == ["last", *(str(number) for number in range(KEPT + 2, 3, -1))]


def test_of_a_killed_run_all_but_half_a_line_is_read(tmp_path: Path) -> None:
    log = RunLog(tmp_path, "apply")
    add(log, "one")
    add(log, "two")
    assert log.path is not None
    log.path.write_text(log.path.read_text()[:-10])
    assert [each.command for each in read(log.path).entries] == ["one"]


@pytest.mark.parametrize("where", ["command", "output"])
def test_secrets_are_masked(tmp_path: Path, where: str) -> None:
    known = [f"{TOKEN}\n", KUBECONFIG, KEY]
    text = f"x {TOKEN} y\n{KUBECONFIG}{KEY}z"
    log = RunLog(tmp_path, "apply", lambda: known)
    add(log, text if where == "command" else "true", ok=False, output=text)
    assert log.path is not None
    written = log.path.read_text()
    for secret in (TOKEN, "Zm9v" * 20, "MC4CAQAwBQYDK2VwBCIEIDx"):
        assert secret not in written
    assert "x *** y" in written
    assert "apiVersion: v1" in written  # no secret, though in a file of secrets


def test_a_secret_that_the_run_proposes_later_is_masked_too(tmp_path: Path) -> None:
    known: list[str] = []
    log = RunLog(tmp_path, "apply", lambda: known)
    add(log)
    known.append(TOKEN)
    add(log, "false", ok=False, output=TOKEN)
    assert log.path is not None
    assert TOKEN not in log.path.read_text()


@given(
    st.text(string.ascii_letters + string.digits + "-_+/=$'\\", min_size=6), st.text(), st.text()
)
def test_no_secret_of_one_line_stays(secret: str, before: str, after: str) -> None:
    assert secret not in masked(f"{before}{secret}{after}", [f"{secret}\n"])


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["/x/.venv/bin/whisklab", "plan", "lab", "--diff"], "plan"),
        (["pyinfra", "inventories/lab.py", "deploy.py", "-y"], "deploy.py"),
        (["pyinfra", "inventories/lab.py", "deploy.py", "--dry"], "deploy.py --dry"),
        (["pyinfra", "inventories/lab.py", "exec", "--", "uptime"], ""),
        (["whisklab"], ""),
        ([], ""),
    ],
)
def test_a_run_is_called_by_its_verb(arguments: list[str], what: str) -> None:
    assert story(arguments) == what


def test_the_verb_shows_the_last_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["log", "lab"]) == 2
    assert "no run of lab is written down here, in .lab/logs/lab" in capsys.readouterr().err
    for what in ("plan", "apply"):
        log = RunLog(tmp_path / ".lab/logs/lab", what)
        add(log, f"echo {what}; " + "x" * 200)
        log.add("m", "", "false", 1.25, ok=False, output=["no room"])
        time.sleep(0.01)  # the age of a file decides
    assert run(["log", "lab"]) == 0
    head, first, second, said = capsys.readouterr().out.splitlines()
    assert "apply: 2 commands, 1 failed" in head
    assert "w1    0.50 s  k3s: files | Link: echo apply; xxx" in first
    assert first.endswith("x...")
    assert "m     1.25 s  FAILED  false" in second
    assert said.strip() == "| no room"
    assert run(["log", "inventories/lab.py", "--last", "2", "--host", "w1"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 4
    assert run(["log", "lab", "--failed", "--json"]) == 0
    (shown,) = json.loads(capsys.readouterr().out)
    assert [each["command"] for each in shown["entries"]] == ["false"]
    assert run(["log", "lab", "--last", "0"]) == 2


def test_a_run_goes_on_without_its_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As after a run of root's, whose directory is not ours, or on a full disk."""
    (tmp_path / "logs").touch()
    said: list[str] = []
    monkeypatch.setattr(runlog, "tell", said.append)
    log = RunLog(tmp_path / "logs/lab", "apply")
    for _ in range(3):
        add(log, "false", ok=False)
    assert (log.path, log.failed) == (None, 3)
    assert said == [f"{tmp_path}/logs/lab: the run is not written down: Not a directory"]
