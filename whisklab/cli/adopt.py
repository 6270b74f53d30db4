"""The verb for a second laptop, or one that has lost its secrets."""

from __future__ import annotations

import sys

import click

from whisklab.cli.deploy import Lines, inventory_of


@click.command()
@click.argument("environment")
def adopt(environment: str) -> int:
    """Take over from the running platform of ENVIRONMENT the secrets that this laptop lacks.

    They go into .secrets/ENVIRONMENT; what is there already stays. No machine is changed. Exit code
    0: done, or nothing to do; 1: failed; 2: bad input.
    """
    from whisklab.engine.run.start import run  # noqa: PLC0415  patches the library for gevent

    display = Lines(sys.stderr)
    outcome = run.adopt(inventory_of(environment), display)
    display.end()
    if outcome.code == run.DONE:
        taken = [reason.text for each in outcome.changes for reason in each.reasons]
        click.echo(f"{environment}: {'; '.join(taken) or 'nothing to take over'}")
    return outcome.code
