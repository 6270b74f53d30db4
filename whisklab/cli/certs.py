"""`whisklab certs`: when certificates end, and making them anew."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click

from whisklab.cli.deploy import Lines, inventory_of
from whisklab.cli.status import Silent
from whisklab.cli.tables import table
from whisklab.errors import BadInput, WhisklabError

if TYPE_CHECKING:
    from whisklab.engine.run.overview import Line

SHOW = "show"
_OURSELVES = (sys.executable, "-c", "from whisklab.cli.main import main; main()")
WIDTH = 48  # of a column


class _OrShow(click.Group):
    """A group that takes what is none of its verbs as the environment to show."""

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; without one it is `show`."""
        known = args[0] in self.commands
        return super().resolve_command(ctx, args if known else [SHOW, *args])


@click.group(cls=_OrShow)
def certs() -> None:
    """Show when the certificates of an environment end (`certs ENVIRONMENT`), or renew them."""


@certs.command(name=SHOW)
@click.argument("environment")
@click.option("--json", "as_json", is_flag=True, help="As JSON, on stdout.")
def show(environment: str, as_json: bool) -> int:
    """Show each certificate of ENVIRONMENT, on its machines and on this laptop, by its end.

    Exit code 0: none ends soon; 1: one does, or a machine does not answer; 2: bad input.
    """
    from whisklab.engine.run.start import run  # noqa: PLC0415  patches the standard library, must be first

    outcome = run.certs(inventory_of(environment), Silent())
    found, told = certificates(outcome.lines), outcome.lines
    away = [name for name, ok in outcome.machines.items() if not ok]
    well = outcome.code == run.DONE and not away and all(each.ok for each in told)
    if as_json:
        data = {"environment": environment, "certificates": found, "ok": well,
                "errors": outcome.errors}  # fmt: skip
        click.echo(json.dumps(data, indent=1))
    else:
        for line in table(rows(found)):
            click.echo(line)
        for sentence in [*(f"{each.name}: {each.detail}" for each in told if not each.ok),
                         *outcome.errors]:  # fmt: skip
            click.echo(sentence, err=True)
    return outcome.code or (run.DONE if well else WhisklabError.exit_code)


@certs.command()
@click.argument("environment")
@click.option("--days", type=click.IntRange(min=1), help="Those that end within so many days.")
@click.option("--all", "everything", is_flag=True, help="All, whenever they end.")
@click.option(
    "--authority",
    is_flag=True,
    help="Put another authority into the place of the environment's own, in three deploys.",
)
def renew(environment: str, days: int | None, everything: bool, authority: bool) -> int:
    """Make the certificates of ENVIRONMENT anew that end soon (within certs_days, 30).

    Nodes restart k3s one after the other; pods go on. Run again, it changes nothing. Authorities
    stay; with --authority the environment's own is followed by another one, which is trusted before
    it signs: of a killed one the next one goes on. k3s's own stay in any case.
    Exit code 0: done, or nothing to do; 1: failed; 2: bad input.
    """
    from whisklab.engine.run.start import run  # noqa: PLC0415  patches the standard library, must be first
    from whisklab.engine.tls.certificates import ALL_DAYS  # noqa: PLC0415

    if authority:
        if days is not None or everything:
            raise BadInput("--authority: expected without --days and --all")
        return _succession(environment)
    display = Lines(sys.stderr)
    within = ALL_DAYS if everything else days
    outcome = run.renew(inventory_of(environment), display, within)
    display.end()
    if outcome.code == run.DONE:
        count = len(outcome.changes)
        click.echo(f"{environment}: {f'{count} changed' if count else 'nothing had to be renewed'}")
    return outcome.code


def _succession(environment: str) -> int:
    from whisklab.engine.run.start import session  # noqa: PLC0415, I001  patches the standard library, must be first
    from whisklab.engine.run.environment import current  # noqa: PLC0415
    from whisklab.engine.tls.succession import WORDS, Stage, Succession  # noqa: PLC0415

    inventory_of(environment)
    session.open_inventory(environment)
    change = Succession(current().store, f"whisklab {current().name}")
    change.settle()
    stage = change.stage or change.advance(datetime.now(UTC))
    while True:
        # In a process of its own: a run holds the machines' locks as long as its process lives.
        code = subprocess.run([*_OURSELVES, "apply", environment], check=False).returncode
        if code:
            return code
        click.echo(f"{environment}: {WORDS[stage]}")
        if stage is Stage.OLD_FORGOTTEN:
            change.end()
            return code
        stage = change.advance(datetime.now(UTC))


def certificates(lines: Sequence[Line]) -> list[dict[str, Any]]:
    """Return all certificates that were told of, with their place, by their end. Pure."""
    found = [
        {"place": line.name, **each}
        for line in lines
        for each in _entries(line.data.get("certificates"))
    ]
    return sorted(found, key=lambda each: (each["days"], each["place"], each["path"]))


def _entries(data: object) -> list[dict[str, Any]]:
    return data if isinstance(data, list) else []  # a machine that could not be asked has none


def _shown(names: Sequence[str]) -> str:
    """Whom a certificate is for, as far as a column holds it; --json has all."""
    return textwrap.shorten(" ".join(dict.fromkeys(names)), WIDTH, placeholder=" ...")


def rows(found: Sequence[dict[str, Any]]) -> list[tuple[str, ...]]:
    """Return a table with a head; none without certificates. Pure."""
    if not found:
        return []
    lines = (
        (
            each["place"],
            each["ends"][:10] if each["ends"] else "cannot be read",
            str(each["days"]),
            "authority" if each["authority"] else "",
            _shown([each["for"], *each["names"]]),
            each["path"],
        )
        for each in found
    )
    return [("place", "ends", "days", "", "for", "path"), *lines]
