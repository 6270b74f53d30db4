"""How hosts are asked: all that the last run of a kind asked, by one command, and then what is new.

A host is looked at right after connecting (`look`); whoever then wants to know something finds the
answer, as long as it is good (`answers`). What the memory of the last run lacks, or has wrong, is
asked by itself: that costs time and nothing else.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from pyinfra import logger
from pyinfra.api import FactBase, FactProcessError
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_host

from whisklab.engine import runs
from whisklab.engine.facts import batch, memory
from whisklab.engine.facts.answers import LASTS, Answer, Answers, HostAnswers
from whisklab.engine.facts.many import Many
from whisklab.engine.facts.question import Question, asked_by
from whisklab.errors import WhisklabError

T = TypeVar("T")


def of(host: Host) -> HostAnswers:
    """Return what a host has answered in its run."""
    return runs.on(host).part(Answers).of(host.name)


def look(host: Host, kind: Iterable[str]) -> None:
    """Ask a host what it was asked in the last run of the same kind, by one command.

    Args:
        host: connected.
        kind: what the questions depend on: the environment, the capabilities of the run.
    """
    run, own = runs.on(host).part(Answers), of(host)
    own.path = memory.place(host.name, kind)
    own.forget()
    before, sent = run.times_changed, time.time()
    commands = list(_commands(memory.read(own.path)))
    lines: list[list[str] | None] = []
    with suppress(WhisklabError):
        lines = batch.run(host, [each.command for each in commands], sudo=_sudo(host), within=LASTS)
    found: dict[Question, Any] = {}
    for command, answer in zip(commands, lines, strict=False):
        if answer is not None:
            found.update(command.answers(answer))
    if before == run.times_changed:
        own.saw(found, sent, time.time())


def known(host: Host, fact: object, arguments: Mapping[str, Any]) -> tuple[Any] | None:
    """Return the answer to what pyinfra is about to ask a host; None: it must be asked."""
    question = asked_by(host, fact, arguments)
    found = question and of(host).know(question)
    return (found.value,) if found else None


def once(fact: type[FactBase[T]], **arguments: Any) -> T:  # noqa: ANN401  each fact has its own
    """Return a fact of the current host for operations in a row.

    It is asked again when a command may have changed the host, and where nobody counts these.

    (pyinfra itself asks each time.) Not for what changes by itself, such as the state of a node.
    """
    host: Host = ctx_host.get()
    own, question, phase = of(host), Question.of(fact, **arguments), host.state.current_stage
    kept = own.kept(question, phase)
    if kept is None:
        kept = (host.get_fact(fact, **arguments),)
        own.keep(question, phase, kept[0])
    answer: T = kept[0]
    return answer


def ask(host: Host, questions: Sequence[Question]) -> Mapping[Question, Any]:
    """Return the answers of a host; those that are not known yet by one command.

    Without an answer are those that the host gave none to, or an unreadable one, which is said as
    an error of it.
    """
    return {each: answer.value for each, answer in timed(host, questions).items()}


def timed(host: Host, questions: Sequence[Question]) -> Mapping[Question, Answer]:
    """Return the answers of a host, see `ask`, and between which times each was given."""
    own = of(host)
    found = {each: answer for each in questions if (answer := own.know(each))}
    return found | _asked(host, [each for each in questions if each not in found])


def _asked(host: Host, questions: Sequence[Question]) -> dict[Question, Answer]:
    sent = time.time()
    try:
        lines = batch.run(host, [each.command() for each in questions], sudo=_sudo(host))
    except WhisklabError as error:
        logger.error("%s%s", host.print_prefix, error)
        return {}
    received = time.time()
    if len(lines) != len(questions):
        told = f"{len(lines)} answers to {len(questions)} questions"
        logger.error("%sit gave %s: see what its shell is", host.print_prefix, told)
    found: dict[Question, Answer] = {}
    for question, answer in zip(questions, lines, strict=False):
        try:
            found[question] = Answer(question.answer(answer), sent, received)
        except FactProcessError as error:
            logger.error("%scannot tell %s: %s", host.print_prefix, question, error)
    return found


def changed_before(host: Host) -> None:
    """Make old what was seen and kept of a host: another run may have been at work on it."""
    of(host).changed()
    of(host).forget()


def changing() -> AbstractContextManager[None]:
    """Make old what was seen of all hosts: a command runs that may change any of them."""
    return runs.current().part(Answers).changing()


def anew(host: Host) -> AbstractContextManager[None]:
    """Ask anew whatever is asked in this context: a change is waited for, in the run of `host`."""
    return runs.on(host).part(Answers).anew()


def remember(host: Host) -> None:
    """Keep the questions of a run that came to its end, for the next one."""
    own = of(host)
    broken_off = host.state.current_stage == StateStage.Execute
    if own.path is not None and not host.state.failed_hosts and not broken_off:
        rows = [(each.name, each.text) for each in own.asked]
        memory.write(own.path, [*rows, *own.notes])


def _sudo(host: Host) -> bool:
    return bool(host.data.get("_sudo"))


@dataclass(frozen=True)
class _Command:
    """A command, and the questions of a kind that it answers."""

    command: StringCommand
    questions: tuple[Question, ...]

    def answers(self, lines: list[str]) -> Mapping[Question, Any]:
        """Return what it says; what is wrong with it, the run says when it asks again."""
        found: dict[Question, Any] = {}
        with suppress(Exception):
            for question, part in zip(self.questions, self._apart(lines), strict=True):
                with suppress(Exception):
                    found[question] = question.answer(part)
        return found

    def _apart(self, lines: list[str]) -> list[list[str]]:
        fact = self.questions[0].fact
        if not issubclass(fact, Many):
            return [lines]
        return fact.apart(lines, [each.arguments for each in self.questions])


def _commands(questions: Iterable[Question]) -> Iterator[_Command]:
    of_a_kind: dict[type[Many[Any]], list[Question]] = {}
    for each in questions:
        if issubclass(each.fact, Many):
            of_a_kind.setdefault(each.fact, []).append(each)
        else:
            yield _Command(each.command(), (each,))
    for kind, several in of_a_kind.items():
        with suppress(Exception):  # a file of other arguments than such a fact has
            together = kind.together([each.arguments for each in several])
            yield _Command(together, tuple(several))
