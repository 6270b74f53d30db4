"""`whisklab make LAB`: machines, the whole deploy, what works, and where the time went."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from whisklab.cli.course import Course
from whisklab.cli.deploy import describe, inventory_of
from whisklab.cli.lab import print_up
from whisklab.cli.logs import Log
from whisklab.cli.progress import Progress
from whisklab.cli.verify import table
from whisklab.errors import BadInput, WhisklabError
from whisklab.lab import manage
from whisklab.lab.topology import check_lab_name

if TYPE_CHECKING:
    from whisklab.engine.run.command import Outcome
    from whisklab.engine.run.display import Change

_STAGE = "Stage: "


@click.command()
@click.argument("lab")
@click.option(
    "--catalogue",
    type=click.Choice(["auto", "upstream", "standins"]),
    help="Where artifacts come from; the topology says it unless given.",
)
def make(lab: str, catalogue: str | None) -> None:
    """Bring up LAB, deploy the platform on it and try it; run again, it does what is missing."""
    inventory = Path(inventory_of(check_lab_name(lab)))
    if not inventory.is_file():
        raise WhisklabError(
            f"{inventory}: not there: copy inventories/lab.py to it, and group_data/lab.py to "
            f"group_data/{lab}.py"
        )
    course, log = Course("make"), Log(f"make-{lab}")
    topology = inventory.with_suffix(".yaml")
    with Progress(log, course=course.told) as progress:
        result = manage.up(lab, topology, progress.report, catalogue=catalogue)
    print_up(lab, result)
    course.lap("machines and artifacts")
    _deploy(inventory, course, log)
    _verify(lab, inventory, course, log)
    course.keep()
    click.echo(f"{lab} is ready. Where the time went:")
    for line in course.table():
        click.echo(line)
    click.echo(f"whisklab kubectl {lab} get nodes")
    click.echo(f"whisklab ssh {lab} HOST, whisklab status {lab}, whisklab down {lab}")


def _deploy(inventory: Path, course: Course, log: Log) -> None:
    from whisklab.engine.run.start import run  # noqa: PLC0415  patches the library for gevent

    click.echo(f"deploying {inventory.stem}; every step is written to {log.path}")
    with Progress(log, course=course.told, patience=0) as progress:
        display = _Steps(progress, course)
        outcome = run.apply(str(inventory), display, output=log)
        course.lap("deploy, the rest")
        name = inventory.stem
        failed = f"the deploy of {name} failed, see above and `whisklab log {name} --failed`; "
        _refuse(outcome, f"{failed}run it again when that is mended, it continues where it stopped")


def _verify(lab: str, inventory: Path, course: Course, log: Log) -> None:
    from whisklab.engine.run.start import run  # noqa: PLC0415

    with Progress(log, course=course.told, patience=0) as progress:
        outcome = run.verify(str(inventory), _Steps(progress), output=log)
    course.lap("verify")
    for line in table(outcome.results):
        click.echo(line)
    _refuse(outcome, f"{lab} is deployed, but what failed above does not work")


def _refuse(outcome: Outcome, sentence: str) -> None:
    """Raise what fits a run that has not ended well."""
    from whisklab.engine.run.start import run  # noqa: PLC0415

    if outcome.code == run.INTERRUPTED:
        raise click.Abort
    if outcome.code == run.BAD_INPUT:
        raise BadInput(sentence)
    if outcome.code:
        raise WhisklabError(sentence)


class _Steps:
    """Shows a run by its operations, and takes the time of its stages for a course."""

    def __init__(self, progress: Progress, course: Course | None = None) -> None:
        self._progress, self._course = progress, course
        self._all = self._done = 0

    def begin(self, operations: int) -> None:
        """Remember how many operations follow."""
        self._all = operations

    def operation(self, name: str) -> None:
        """Show which operation is going on; one that is a stage ends a part."""
        self._done += 1
        if self._course and name.startswith(_STAGE):
            self._course.lap(f"deploy, until {name.removeprefix(_STAGE)}")
        self._progress.glimpse(f"{self._done}/{self._all} {name}")

    def changed(self, change: Change) -> None:
        """Show what was changed, as long as nothing else is going on."""
        self._progress.glimpse(describe(change))

    def progress(self, sentence: str) -> None:
        """Show how far something is."""
        self._progress.report(sentence)

    def error(self, sentence: str) -> None:
        """Show an error; it stays."""
        self._progress.line(sentence, "red")
