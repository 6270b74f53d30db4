"""Which labs tests have up, written down, so that an interrupted run leaves none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_DIRECTORY = "tests-labs"  # in the state directory of the labs


@contextmanager
def noted(lab: str, state: Path) -> Iterator[None]:
    """Write down that a lab may be up, for as long as this lasts.

    Args:
        lab: its name.
        state: the XDG_STATE_HOME of the one who has it up.
    """
    note(lab, state)
    yield
    forget(lab, state)


def note(lab: str, state: Path) -> None:
    """Write down that a lab may be up, and who has it."""
    file = state / _DIRECTORY / lab
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(str(os.getpid()))


def forget(lab: str, state: Path) -> None:
    """Write down that it is down."""
    (state / _DIRECTORY / lab).unlink(missing_ok=True)


def end_leftovers(state: Path, *, ours: bool = False) -> list[str]:
    """Take down labs whose process is gone, and on request this process' own; returns their names.

    Those of another session that goes on stay.
    """
    ended = []
    for file in sorted((state / _DIRECTORY).glob("*")):
        by = file.read_text()
        if not Path(f"/proc/{by}").exists() or (ours and by == str(os.getpid())):
            program = Path(sys.executable).with_name("whisklab")
            environment = {**os.environ, "XDG_STATE_HOME": str(state)}
            done = subprocess.run(
                [program, "down", file.name], env=environment, check=False, capture_output=True
            )
            if done.returncode == 0:
                file.unlink(missing_ok=True)
                ended.append(file.name)
    return ended
