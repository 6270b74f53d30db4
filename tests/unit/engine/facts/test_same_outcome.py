"""A run that remembers the last one does what one without memory does, whatever happens."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

from hypothesis import given, settings
from hypothesis import strategies as st
from pyinfra.api.state import StateStage

from tests.unit.engine.facts.test_asking import KIND, Machine
from whisklab.engine import runs
from whisklab.engine.facts import asking, batch
from whisklab.engine.facts.answers import Answers
from whisklab.engine.facts.question import Question
from whisklab.engine.resources.paths import Text

HOSTS, FILES, TEXTS = ("a", "b", "c"), ("x", "y", "z"), ("", "1\n", "2\n")
Place = tuple[str, str]  # a host, and a file there
places = st.tuples(st.sampled_from(HOSTS), st.sampled_from(FILES))
edits = st.lists(st.tuples(places, st.sampled_from(TEXTS)), max_size=4)


@dataclass(frozen=True)
class Step:
    """An operation: a file's text; what its command does elsewhere, too; if it only waits."""

    place: Place
    wanted: str
    beside: tuple[tuple[Place, str], ...] = ()
    waits: bool = False


steps = st.lists(
    st.builds(Step, places, st.sampled_from(TEXTS), edits.map(tuple), st.booleans()), max_size=8
)


class World:
    """Three hosts with files; whether its runs remember the last one."""

    def __init__(self, directory: Path, *, remembers: bool) -> None:
        self.directory, self.remembers = directory, remembers
        for host in HOSTS:
            (directory / host).mkdir(parents=True)

    def edit(self, changes: Sequence[tuple[Place, str]]) -> None:
        """Write files as anybody may."""
        for (host, name), text in changes:
            path = self.directory / host / name
            path.write_text(text) if text else path.unlink(missing_ok=True)

    def texts(self) -> dict[Place, str]:
        """What there is."""
        found = {(host, name): self.directory / host / name for host in HOSTS for name in FILES}
        return {place: path.read_text() for place, path in found.items() if path.exists()}

    def run(self, program: Sequence[Step]) -> list[int]:
        """Carry out the operations; return the numbers of those that changed something."""
        first: Any = Machine(HOSTS[0])
        machines: dict[str, Any] = {
            HOSTS[0]: first, **{name: Machine(name, first.state) for name in HOSTS[1:]}
        }  # fmt: skip
        for machine in machines.values() if self.remembers else ():
            asking.look(machine, [*KIND, str(self.directory)])
        changed = []
        for number, step in enumerate(program):
            machine = machines[step.place[0]]
            if self._text(machine, step) == step.wanted:
                continue
            changed.append(number)
            with runs.of(first.state).part(Answers).changing():
                self.edit([] if step.waits else [(step.place, step.wanted)])
                self.edit(step.beside)
        first.state.current_stage = StateStage.Disconnect
        for machine in machines.values():
            asking.remember(machine)
        return changed

    def _text(self, machine: Any, step: Step) -> str:
        path = str(self.directory / step.place[0] / step.place[1])
        known = asking.known(machine, Text, {"path": path})
        if known is not None:
            return str(known[0])
        question = Question.of(Text, path=path)
        (lines,) = batch.run(machine, [question.command()], sudo=True)
        return str(question.answer(lines))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(edits, steps), min_size=1, max_size=3), st.booleans())
def test_the_outcome_is_that_of_runs_without_memory(
    rounds: list[tuple[list[tuple[Place, str]], list[Step]]], again: bool
) -> None:
    with tempfile.TemporaryDirectory() as cache, mock.patch.dict(os.environ, XDG_CACHE_HOME=cache):
        worlds = [World(Path(cache) / str(each), remembers=each) for each in (True, False)]
        for changes, program in [*rounds, *rounds[-1:]] if again else rounds:
            outcomes = []
            for world in worlds:
                world.edit(changes)
                outcomes.append((world.run(program), world.texts()))
            assert outcomes[0] == outcomes[1]
