"""The verb that tries whether the platform works."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from whisklab.cli.deploy import Lines, inventory_of

if TYPE_CHECKING:
    from whisklab.engine.run.checks import Result
    from whisklab.engine.run.display import Change


class _Quiet(Lines):
    """Shows no changes: checks count as such to pyinfra."""

    def changed(self, change: Change) -> None:
        """Say nothing; the table has each check."""


@click.command()
@click.argument("environment")
@click.option("--limit", multiple=True, help="Only these hosts or groups; may be repeated.")
@click.option("--helm-test", is_flag=True, help="Also run the tests that OpenWhisk's chart brings.")
@click.option("--json", "as_json", is_flag=True, help="The results as JSON, on stdout.")
def verify(environment: str, limit: tuple[str, ...], helm_test: bool, as_json: bool) -> int:
    """Try whether the platform of ENVIRONMENT works; what is made for that is removed again.

    Exit code 0: every check passed; 1: one did not; 2: bad input; 130: interrupted.
    """
    from whisklab.engine.run.start import run  # noqa: PLC0415, I001  patches the standard library, must be first
    from whisklab.engine.helm.tests import HELM_TEST  # noqa: PLC0415

    display = _Quiet(sys.stderr)
    options = [word for name in limit for word in ("--limit", name)]
    further = [HELM_TEST] if helm_test else []
    outcome = run.verify(inventory_of(environment), display, options, further=further)
    display.end()
    results = outcome.results
    if as_json:
        found = {"environment": environment, "code": outcome.code, "errors": outcome.errors,
                 "checks": [asdict(each) for each in results]}  # fmt: skip
        click.echo(json.dumps(found, indent=1))
    else:
        for line in table(results):
            click.echo(line)
        bad = sum(not each.ok for each in results)
        if results:
            click.echo(
                f"{environment}: {f'{bad} of {len(results)} checks failed' if bad else 'ok'}"
            )
    return outcome.code


def table(results: tuple[Result, ...]) -> list[str]:
    """Return one line for each check. Pure."""
    if not results:
        return []
    hosts = max(len(each.host) for each in results)
    names = max(len(each.check) for each in results)
    return [
        f"{each.host:{hosts}}  {each.check:{names}}  {'ok' if each.ok else 'FAILED':6}"
        f"  {each.seconds:6.2f} s  {each.detail}"
        for each in results
    ]
