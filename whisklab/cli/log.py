"""The verb that shows what runs have asked of the machines."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path

import click

from whisklab.engine import runlog
from whisklab.engine.runlog import Entry, Run
from whisklab.errors import BadInput

_WIDEST = 100  # characters of a command; --json has all of it


@click.command()
@click.argument("environment")
@click.option("--last", default=1, show_default=True, type=click.IntRange(1), metavar="N",
              help="The N newest runs.")  # fmt: skip
@click.option("--host", metavar="HOST", help="Only what this machine was asked.")
@click.option("--failed", is_flag=True, help="Only what failed, with the end of what it said.")
@click.option("--json", "as_json", is_flag=True, help="As JSON, on stdout, with whole commands.")
def log(environment: str, last: int, host: str | None, failed: bool, as_json: bool) -> None:
    """Show which commands the last run of ENVIRONMENT sent to which machine, and how they ended.

    For each: when it began, how long it took, for which operation it was. (The newest 20 runs are
    kept, in .lab/logs/ENVIRONMENT. That some commands fail is in the nature of questions.)
    """
    name = Path(environment).stem
    there = runlog.files(runlog.DIRECTORY / name)
    if not there:
        raise BadInput(f"no run of {name} is written down here, in {runlog.DIRECTORY / name}")
    runs = [_chosen(runlog.read(path), host, failed=failed) for path in reversed(there[:last])]
    if as_json:
        click.echo(json.dumps([asdict(each) | {"path": str(each.path)} for each in runs], indent=1))
        return
    for run in runs:
        for line in lines(run):
            click.echo(line)


def _chosen(run: Run, host: str | None, *, failed: bool) -> Run:
    wanted = [
        each
        for each in run.entries
        if (host is None or each.host == host) and not (failed and each.ok)
    ]
    return Run(run.path, run.what, run.began, tuple(wanted))


def lines(run: Run) -> list[str]:
    """Return what is shown of a run. Pure."""
    began = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(run.began))
    failed = sum(not each.ok for each in run.entries)
    head = f"{began}  {run.what}: {len(run.entries)} commands, {failed} failed  ({run.path})"
    width = max((len(each.host) for each in run.entries), default=0)
    found = [head]
    for each in run.entries:
        found.append(_line(each, width))
        found += [f"{'':20}| {said}" for said in each.said]
    return found


def _line(entry: Entry, width: int) -> str:
    command = " ".join(entry.command.split())
    short = command if len(command) <= _WIDEST else f"{command[:_WIDEST]}..."
    how = "" if entry.ok else "FAILED  "
    what = f"{entry.operation}: " if entry.operation else ""
    return f"{entry.at:8.1f} s  {entry.host:{width}}  {entry.seconds:6.2f} s  {how}{what}{short}"
