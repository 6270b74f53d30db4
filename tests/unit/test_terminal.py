"""Verbs on a terminal, where what is shown is a thread: the engine is loaded beside none."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

WITHIN = 120  # seconds
# The machines are left out; what is shown, and how the engine comes in, is real.
PROGRAM = """
import sys, time
from types import SimpleNamespace
from whisklab.cli import snapshots
from whisklab.cli.main import run

def slow(*arguments):
    report = arguments[-1]
    for text in ("one", "two"):
        report(text)
        time.sleep(0.3)
    up = SimpleNamespace(seconds={})
    return SimpleNamespace(up=up, notes={}, dropped=(), kept=(), changed=(), name="a", size=1)

def settled(lab, report):
    assert "gevent" in sys.modules
    report("waiting")
    return f"{lab} is up"

snapshots.labs = SimpleNamespace(take=slow, restore=slow, clone=slow)
snapshots.state = SimpleNamespace(load=lambda lab: SimpleNamespace(running=True))
snapshots.settled = settled
for name in ("_refuse_deploy", "_own_kubeconfig"):
    setattr(snapshots, name, lambda lab: None)
snapshots.notes_of, snapshots.old_certificates = (lambda lab: {}), (lambda *_: "")
import whisklab.cli.progress as progress
progress._PATIENCE = 0.1
progress.Progress.__init__.__kwdefaults__["patience"] = 0.1
sys.exit(run(sys.argv[1:]))
"""
LEFT = """
import threading, time
threading.Thread(target=lambda: time.sleep(0.5)).start()
import whisklab.engine.run.start
print("loaded")
"""


def on_a_terminal(*argv: str) -> tuple[int, str]:
    """Run a program whose output is a terminal's; returns its exit code and what it showed."""
    ours, its = pty.openpty()
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=its, stderr=its, close_fds=True
    ) as process:
        os.close(its)
        shown = b""
        with suppress(OSError):  # Linux: nobody has the other end any more
            while data := os.read(ours, 65536):
                shown += data
        os.close(ours)
        return process.wait(WITHIN), shown.decode()


@pytest.mark.parametrize(
    "arguments", [["snapshot", "x", "a"], ["restore", "x", "a"], ["clone", "x@a", "x"]], ids=str
)
def test_a_lab_that_settles_is_shown_on_a_terminal(arguments: list[str], tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    code, shown = on_a_terminal(sys.executable, str(program), *arguments)
    assert code == 0, shown
    assert "two" in shown
    assert "x is up" in shown


def test_a_thread_that_is_about_to_end_is_waited_for() -> None:
    """As that of an SSH connection which was closed a moment ago."""
    done = subprocess.run(
        [sys.executable, "-c", LEFT], check=False, capture_output=True, text=True, timeout=WITHIN
    )
    assert (done.returncode, done.stdout) == (0, "loaded\n"), done.stderr
