"""`whisklab status ENV`: machines, nodes, storage, releases, OpenWhisk and URLs on one screen."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from whisklab.cli.tables import table
from whisklab.errors import BadInput
from whisklab.lab import state
from whisklab.lab import status as labs

if TYPE_CHECKING:
    from whisklab.engine.run.command import Outcome
    from whisklab.engine.run.display import Change
    from whisklab.engine.run.overview import Line

MACHINES = "machines"
STEPS = "openwhisk"  # a topic whose lines are steps of one thing


class Silent:
    """Shows nothing of a run; what it told is shown afterwards."""

    def begin(self, operations: int) -> None:
        """Show nothing."""

    def operation(self, name: str) -> None:
        """Show nothing."""

    def changed(self, change: Change) -> None:
        """Show nothing."""

    def progress(self, sentence: str) -> None:
        """Show nothing."""

    def error(self, sentence: str) -> None:
        """Show nothing."""


@click.command()
@click.argument("environment")
@click.option("--json", "as_json", is_flag=True, help="As JSON, on stdout.")
def status(environment: str, as_json: bool) -> int:
    """Show what ENVIRONMENT is like now: machines, nodes, storage, releases, OpenWhisk, URLs.

    Of a lab its machines and their ports come first; one without an inventory has nothing else.
    Little is asked, and nothing is changed. Exit code 0: all is well; 1: something is not.
    """
    has_inventory = (Path("inventories") / f"{environment}.py").is_file()
    lab = _lab(environment, required=not has_inventory)
    found: dict[str, Any] = {"environment": environment, **(lab or {})}
    if not as_json and lab:
        _print(lab_rows(lab))
    if has_inventory and (lab is None or any(each["state"] == "up" for each in lab["hosts"])):
        return _platform(environment, found, as_json=as_json, known=bool(lab))
    if as_json:
        click.echo(json.dumps(found, indent=1))
    return 1 if has_inventory else 0


def _lab(name: str, *, required: bool) -> dict[str, Any] | None:
    try:
        there = state.load(name) is not None
    except BadInput:  # a name that only an environment of other machines can have
        there = False
    return labs.read(name) if there or required else None


def _platform(environment: str, found: dict[str, Any], *, as_json: bool, known: bool) -> int:
    from whisklab.engine.run.start import run  # noqa: PLC0415, I001  patches the standard library, must be first
    from whisklab.engine.run.overview import Line  # noqa: PLC0415

    outcome = run.status(f"inventories/{environment}.py", Silent())
    machines = [
        Line(MACHINES, name, ok=ok, detail="answers" if ok else _why(name, outcome))
        for name, ok in outcome.machines.items()
    ]
    lines = [*machines, *outcome.lines]
    # What is not about one of the machines, such as data that are wrong.
    other = [each for each in outcome.errors if not each.startswith("[")]
    well = outcome.code == run.DONE and bool(machines) and all(each.ok for each in lines)
    if as_json:
        click.echo(json.dumps({**found, **as_data(lines), "ok": well, "errors": other}, indent=1))
    else:
        shown = [each for each in lines if not (known and each.topic == MACHINES and each.ok)]
        _print(rows(shown))
        for sentence in other:
            click.echo(sentence, err=True)
        bad = sum(not each.ok for each in lines)
        click.echo(f"{environment}: {'ok' if well else f'{bad} of {len(lines)} are not well'}")
    return outcome.code or (0 if well else run.FAILED)


def _why(machine: str, outcome: Outcome) -> str:
    mark = f"[{machine}]"
    said = (each.removeprefix(mark).strip() for each in outcome.errors if each.startswith(mark))
    return next(said, "does not answer")


def _print(cells: Sequence[Sequence[str]]) -> None:
    for line in table(cells):
        click.echo(line)
    if cells:
        click.echo()


def lab_rows(lab: dict[str, Any]) -> list[tuple[str, ...]]:
    """Return the machines of a lab, with a head. Pure."""
    return [
        ("host", "state", "groups", "address", "ssh", "forwards"),
        *(
            (
                host["name"],
                host["state"],
                ",".join(host["groups"]),
                host["address"],
                f"{host['ssh_address']}:{host['ssh_port']}",
                " ".join(f"{port}->127.0.0.1:{at}" for port, at in host["forwards"].items()),
            )
            for host in lab["hosts"]
        ),
    ]


def rows(lines: Sequence[Line]) -> list[tuple[str, ...]]:
    """Return what is shown, each topic's name once; steps that are done are one row. Pure."""
    found: list[tuple[str, ...]] = []
    for topic in dict.fromkeys(each.topic for each in lines):
        ours = [each for each in lines if each.topic == topic]
        if topic == STEPS:
            ours, done = [each for each in ours if not each.ok], [each for each in ours if each.ok]
            if done:
                how = "" if ours else "ok"
                found.append((topic, "stages", how, f"{len(done)} are reached"))
        for each in ours:
            first = topic if not found or all(row[0] != topic for row in found) else ""
            found.append((first, each.name, "ok" if each.ok else "NOT OK", each.detail))
    return found


def as_data(lines: Sequence[Line]) -> dict[str, list[dict[str, Any]]]:
    """Return the lines for programs, by topic. Pure."""
    found: dict[str, list[dict[str, Any]]] = {}
    for each in lines:
        entry = {"name": each.name, "ok": each.ok, "detail": each.detail, **each.data}
        found.setdefault(each.topic, []).append(entry)
    return found
