"""Runs `whisklab ARGUMENTS` and writes down when each part of the run began.

    python -m tests.bench.timed FILE apply LAB

The hooks are in this process only, and cost a clock reading each.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import whisklab.engine.run.start  # noqa: F401  first: it patches the library, as for the verb

# isort: split
from pyinfra.api.state import State, StateStage

from tests.bench.measure import BEGAN, STAGE
from whisklab.cli.main import run
from whisklab.engine.run import stages

LOOK, LOOKED = "look", "looked"


class Marks:
    """When what began: its name, seconds since the program was started, and CPU seconds so far."""

    def __init__(self, began: float) -> None:
        self._began = began
        self.found: list[tuple[str, float, float]] = []

    def note(self, name: str) -> None:
        """Write down that something begins now; the first time counts."""
        if all(name != known for known, _, _ in self.found):
            self.found.append((name, time.monotonic() - self._began, time.process_time()))


def hook(marks: Marks) -> None:
    """Have pyinfra's stages, our look at all hosts and the stages of a deploy noted."""
    _replace(State, "set_stage", partial(_stages, marks))
    _replace(State, "trigger_callbacks", partial(_operations, marks))
    _replace(stages, "everywhere", partial(_looks, marks))


def _replace(owner: Any, name: str, wrapped: Callable[[Any], Any]) -> None:
    setattr(owner, name, wrapped(getattr(owner, name)))


def _stages(marks: Marks, stock: Callable[..., None]) -> Callable[..., None]:
    def set_stage(state: State, stage: StateStage) -> None:
        marks.note(stage.name)
        stock(state, stage)

    return set_stage


def _operations(marks: Marks, stock: Callable[..., None]) -> Callable[..., None]:
    def trigger(state: State, method: str, *args: Any, **kwargs: Any) -> None:
        if method == "operation_start":
            for name in state.get_op_meta(args[0]).names:
                if name.startswith(STAGE):
                    marks.note(name)
        stock(state, method, *args, **kwargs)

    return trigger


def _looks(marks: Marks, stock: Callable[..., Any]) -> Callable[..., Any]:
    def everywhere(topic: str, *args: Any, **kwargs: Any) -> Any:
        if topic != "look":
            return stock(topic, *args, **kwargs)
        marks.note(LOOK)
        found = stock(topic, *args, **kwargs)
        marks.note(LOOKED)
        return found

    return everywhere


def main() -> int:
    """Run it; the exit code is the run's."""
    file, *arguments = sys.argv[1:]
    marks = Marks(float(os.environ[BEGAN]))
    hook(marks)
    sys.argv = ["whisklab", *arguments]
    code = run(arguments)
    marks.note("ended")
    Path(file).write_text(json.dumps(marks.found))
    return code


if __name__ == "__main__":
    sys.exit(main())
