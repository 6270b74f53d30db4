"""What an environment is like now: each capability tells its part, one screen shows it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field

from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand
from pyinfra.api.host import Host

from whisklab.engine import runs
from whisklab.engine.runs import Run
from whisklab.engine.ssh.remote import call
from whisklab.errors import WhisklabError


@dataclass(frozen=True)
class Line:
    """One thing and its state.

    Attributes:
        topic: what kind of thing, such as nodes.
        name: of it.
        ok: whether it is as it should be.
        detail: for people; why it is not, when it is not.
        data: for programs.
    """

    topic: str
    name: str
    ok: bool
    detail: str
    data: Mapping[str, object] = field(default_factory=dict)


class _Lines(list[Line]):
    """What a run was told, in the order it came."""


def lines(run: Run) -> tuple[Line, ...]:
    """Return what a run was told so far, in the order it came."""
    return tuple(run.part(_Lines))


@operation()
def tell(topic: str, work: Callable[[Host], Iterable[Line]]) -> Generator[FunctionCommand]:
    """Ask about one topic on this host; nothing is changed.

    Args:
        topic: what is asked about.
        work: returns what it saw; a WhisklabError becomes a line that is not ok.
    """

    def ask(target: Host) -> None:
        told = runs.on(target).part(_Lines)
        try:
            told.extend(work(target))
        except WhisklabError as error:
            told.append(Line(topic, target.name, ok=False, detail=str(error)))

    yield call(ask)
