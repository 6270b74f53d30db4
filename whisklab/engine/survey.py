"""All machines asked at once, for what is decided before any of them is changed.

(pyinfra's own way of asking all hosts blocks for ever when a host calls it.)
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, cast

import gevent
from gevent.lock import BoundedSemaphore, RLock
from pyinfra import logger
from pyinfra.api import FactBase, FactProcessError
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.context import ctx_state

from whisklab.engine import batch
from whisklab.errors import WhisklabError

T = TypeVar("T")
_turn = BoundedSemaphore()
_asking = RLock()  # one may ask another
_answers: dict[str, tuple[State, Hashable, Mapping[str, Any]]] = {}


def everywhere(
    topic: str, look: Callable[[State, Host], T], *, stage: Hashable = None
) -> Mapping[str, T]:
    """Return what `look(state, host)` says of each machine of the run, by its name.

    The first host that comes asks all at once, the others wait for it and get the same answers.

    Args:
        topic: what is asked; once in a run, or once for each `stage` of it.
        look: must not raise what concerns one machine only.
        stage: for answers that are old by the next stage.

    Raises:
        WhisklabError: the look of a machine did.
    """
    state = ctx_state.get()
    with _turn:
        known = _answers.get(topic)
        if known is None or known[0] is not state or known[1] != stage:
            hosts = state.inventory.get_active_hosts()
            jobs = {each.name: gevent.spawn(_caught, look, state, each) for each in hosts}
            found = {name: job.get() for name, job in jobs.items()}
            for answer in found.values():
                if isinstance(answer, WhisklabError):
                    raise answer
            _answers[topic] = (state, stage, found)
    return cast("Mapping[str, T]", _answers[topic][2])


def once(topic: str, work: Callable[[], T]) -> T:
    """Return what `work()` says, which is asked once in a run.

    Args:
        topic: what is asked.
        work: asks; what it raises is raised to whoever comes, and asked again.
    """
    state = ctx_state.get()
    with _asking:
        known = _answers.get(topic)
        if known is None or known[0] is not state:
            known = _answers[topic] = (state, None, {topic: work()})
    return cast("T", known[2][topic])


def _caught(look: Callable[[State, Host], T], state: State, host: Host) -> T | WhisklabError:
    # gevent prints the traceback of what a greenlet raises.
    try:
        return look(state, host)
    except WhisklabError as error:
        return error


@dataclass(frozen=True)
class Question:
    """A fact and its arguments, to be asked together with others."""

    fact: type[FactBase[Any]]
    arguments: tuple[str, ...]

    def __str__(self) -> str:
        """Name it as people do."""
        return f"{self.fact.__name__} of {' '.join(self.arguments)}"

    def command(self) -> StringCommand:
        """Return what to run."""
        return batch.as_command(self.fact().command(*self.arguments))

    def answer(self, lines: list[str] | None) -> Any:  # noqa: ANN401  each fact has its own type
        """Parse the answer; an empty one is the fact's default, None that of a failed command.

        Raises:
            FactProcessError: it failed, or the answer cannot be read.
        """
        if lines is None:
            raise FactProcessError("the command failed")
        return self.fact().process(lines) if lines else self.fact.default()


Answers = Mapping[Question, Any]


def ask(host: Host, questions: Sequence[Question]) -> Answers:
    """Return the answers of one host, by one command.

    Without an answer are those that the host gave none to, or an unreadable one, which is said as
    an error of it.
    """
    try:
        commands = [question.command() for question in questions]
        found = batch.run(host, commands, sudo=bool(host.data.get("_sudo")))
    except WhisklabError as error:
        logger.error("%s%s", host.print_prefix, error)
        return {}
    if len(found) != len(questions):
        told = f"{len(found)} answers to {len(questions)} questions"
        logger.error("%sit gave %s: see what its shell is", host.print_prefix, told)
    answers: dict[Question, Any] = {}
    for question, lines in zip(questions, found, strict=False):
        try:
            answers[question] = question.answer(lines)
        except FactProcessError as error:
            logger.error("%scannot tell %s: %s", host.print_prefix, question, error)
    return answers
