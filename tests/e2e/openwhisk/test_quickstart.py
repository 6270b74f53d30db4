"""README and docs/quickstart.md, typed by somebody new: each command works and prints that."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from tests.documents import QUICKSTART, README, Step, commands, difference, steps
from tests.e2e.bases import Base
from tests.e2e.cluster.site import Run, Site
from tests.e2e.progress import without

pytestmark = pytest.mark.e2e

LAB = re.compile(r"(?<=[ =/])lab(?=[ /]|$)")  # the name of the pages' lab, in a command
MADE = "make lab"  # which made the base
ELSEWHERE = ("make test", "<name>")  # what runs this; test_cluster.py has the user's own machines
LAST = " down "
STEPS = steps(QUICKSTART)
Type = Callable[[str], Run]


def of_the_readme() -> list[str]:
    """Its commands for the lab, the one that ends it left out."""
    apart = (MADE, LAST, *ELSEWHERE)
    return [line for line in commands(README) if not any(word in line for word in apart)]


@pytest.fixture(scope="module")
def typed(site: Site) -> Type:
    """What types a command of a page, in the copy whose lab has another name."""

    def run(command: str) -> Run:
        # As in a terminal, where what is said and what is answered come in their order.
        done = site.run("bash", "-c", f"exec 2>&1\n{LAB.sub(site.name, command)}")
        there = (done.output, done.stdout)
        return Run(done.code, *(text.replace(site.name, "lab") for text in there))

    return run


@pytest.fixture(scope="module")
def played(typed: Type, made: Base) -> list[Run]:
    """The quickstart, from its first command to its last."""
    first = Run(made.code, made.output.replace(made.lab, "lab"), "")
    return [first if step.command == MADE else typed(step.command) for step in STEPS]


def test_each_command_of_the_readme_works(typed: Type) -> None:
    found = of_the_readme()
    assert len(found) > 4
    for command in found:
        done = typed(command)
        assert done.code == 0, done.output


def test_the_quickstart_goes_from_nothing_to_nothing() -> None:
    assert STEPS[0].command == MADE
    assert LAST in STEPS[-1].command


@pytest.mark.parametrize("number", range(len(STEPS)), ids=lambda n: STEPS[n].command[:40])
def test_the_quickstart_shows_what_one_sees(number: int, played: list[Run]) -> None:
    step: Step = STEPS[number]
    printed = "".join(f"{line}\n" for line in without(played[number].output))
    assert not (said := difference(step.shown, printed)), f"{step.command}\n{said}"
