"""The command: help without loading everything, and errors as one sentence with an exit code."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from whisklab.cli.main import VERBS, run
from whisklab.errors import WhisklabError
from whisklab.lab import manage, provider
from whisklab.lab.common.run import Report
from whisklab.lab.providers.nspawn.provider import Nspawn


@pytest.fixture(autouse=True)
def _home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)


def test_help_loads_no_verb() -> None:
    code = (
        "import sys; from whisklab.cli.main import run; run(['--help']);"
        "assert not {'pydantic', 'rich', 'pyinfra', 'whisklab.cli.lab'} & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "  up " in done.stdout


@pytest.mark.parametrize(
    "verb", [verb for verb, (where, _) in VERBS.items() if where.endswith("lab")]
)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([verb, "--help"]) == 0
    assert f"Usage: whisklab {verb}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["up", "x"], "whisklab: inventories/x.yaml: no such file"),
        (["up", "../x"], "whisklab: '../x' cannot name a lab"),
        (["start", "x"], "whisklab: there is no lab 'x': run `whisklab up x`"),
        (["rebuild", "x"], "whisklab: there is no lab 'x'"),
        (["status", "x"], "whisklab: there is no lab 'x'"),
        (["ssh", "x", "a"], "whisklab: there is no lab 'x'"),
        (["nonsense"], "No such command 'nonsense'"),
        (["up"], "Missing argument 'LAB'"),
    ],
)
def test_bad_input(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments) == 2
    said = capsys.readouterr()
    assert sentence in said.err
    assert "Traceback" not in said.err


def test_failing_and_being_interrupted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise WhisklabError("it is so")

    def interrupt(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(manage, "down", fail)
    assert run(["down", "x"]) == 1
    assert capsys.readouterr().err == "whisklab: it is so\n"
    monkeypatch.setattr(manage, "down", interrupt)
    assert run(["down", "x"]) == 130


class Somewhere(Nspawn):
    """A provider with machines that this state directory does not know."""

    def machines(self, lab: str) -> dict[str, str]:
        """One that is stopped: it could be lost as well."""
        return {"a": "stopped"} if lab == "x" else {}

    def down(self, lab: str, report: Report) -> tuple[str, ...]:
        report("removing")
        return tuple(self.machines(lab))


def test_a_lab_of_another_state_directory_is_removed_only_when_asked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(provider, "get", lambda _name: Somewhere())
    assert run(["down", "x"]) == 2
    assert "the lab 'x' (a) is not known in" in capsys.readouterr().err
    assert run(["down", "y"]) == 0
    assert "removed: nothing" in capsys.readouterr().out
    assert run(["down", "x", "--unknown"]) == 0
    assert "removed: a" in capsys.readouterr().out
