"""A run that ends by what nobody has foreseen says what it was."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

# In a process of its own: pyinfra patches the standard library, and keeps its state.
DRIVE = """
import json, sys
from whisklab.engine.run import command as run
class Silent:
    def __getattr__(self, name):
        return lambda *_: None
outcome = run._drive(["@local", sys.argv[1], "-y"], Silent())
print(json.dumps([outcome.code, outcome.errors]))
"""


def driven(directory: Path, deploy: str) -> tuple[int, list[str]]:
    done = subprocess.run(
        [sys.executable, "-c", DRIVE, deploy], cwd=directory, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    code, errors = json.loads(done.stdout)
    return code, errors


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("x = 1\nraise ValueError('no number')\n", "line 2: ValueError: no number"),
        ("from deploys.nothing import nothing\n", "ModuleNotFoundError: No module named"),
        ("def broken(\n", "SyntaxError"),
    ],
)
def test_an_exception_of_a_deploy_is_told(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "broken.py").write_text(text)
    code, (sentence,) = driven(tmp_path, "broken.py")
    assert code == 1
    assert said in sentence
    assert "an error of the program" in sentence


def test_what_pyinfra_refuses_is_told(tmp_path: Path) -> None:
    code, errors = driven(tmp_path, "nowhere.py")
    assert code == 1
    assert any("nowhere.py" in each for each in errors)


TWICE = """
import json
from whisklab.engine.run import capability, checks, command as run
from whisklab.engine.runs import Run
class Display:
    begun = []
    def __getattr__(self, name):
        return lambda *_: self.begun.append(name)
def drive(deploy, only):
    chosen = Run()
    capability.select(chosen, only)
    outcome = run._drive(["@local", deploy, "-y"], Display(), run=chosen)
    print(json.dumps([
        [each.operation for each in outcome.changes],
        [[reason.text for reason in each.reasons] for each in outcome.changes],
        [[each.check, each.detail] for each in outcome.results],
        outcome.machines,
    ]))
drive("first.py", ["one"])
drive("second.py", [])
drive("nowhere.py", [])
"""
DEPLOY = """
from pyinfra.api import operation
from pyinfra.api.command import StringCommand
from whisklab.engine.reasons import because
from whisklab.engine.run import capability, checks
@operation()
def change():
    because("{name}")
    yield StringCommand("true")
change(name="a change")
checks.check(name="a check", what="c", work=lambda _: "{name} " + str(capability.selected("two")))
"""


def test_a_run_knows_nothing_of_the_one_before(tmp_path: Path) -> None:
    for name in ("first", "second"):
        (tmp_path / f"{name}.py").write_text(DEPLOY.format(name=name))
    done = subprocess.run(
        [sys.executable, "-c", TWICE], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    both, machines = ["a change", "a check"], {"@local": True}
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        [both, [["first"], []], [["c", "first False"]], machines],
        [both, [["second"], []], [["c", "second True"]], machines],
        [[], [], [], {}],
    ]
