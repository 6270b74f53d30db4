"""`whisklab lock`: resolve the checksums of the catalogue and write them down."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import click

from whisklab.cli.progress import Progress


@click.command()
@click.argument(
    "catalogue",
    type=click.Path(path_type=Path, dir_okay=False),
    default=Path("files/catalogue.yaml"),
)
@click.option("--mirror", help="Ask this mirror of the catalogue, such as cn.")
@click.option(
    "--accept-changes", is_flag=True, help="Take checksums that differ from the locked ones."
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def lock(catalogue: Path, mirror: str | None, accept_changes: bool, as_json: bool) -> None:
    """Write the checksums of CATALOGUE (files/catalogue.yaml) into the lock beside it.

    Each comes from the release's own list of checksums, or is computed from the file. What is
    locked stays; another checksum for the same file is refused.
    """
    from whisklab.engine.artifacts.catalogue import Catalogue  # noqa: PLC0415  not for --help
    from whisklab.engine.artifacts.lock import lock as resolve  # noqa: PLC0415

    with Progress() as progress:
        found = resolve(catalogue, mirror, progress.report, accept_changes=accept_changes)
    for line in Catalogue(catalogue, mirror).ending(datetime.now(UTC).date()):
        click.echo(line, err=True)
    if as_json:
        click.echo(
            json.dumps(
                {
                    "lock": str(catalogue.with_suffix(".lock.yaml")),
                    "added": [str(key) for key in found.added],
                    "changed": [str(key) for key in found.changed],
                    "removed": [str(key) for key in found.removed],
                    "checksums": {
                        str(key): locked.model_dump(by_alias=True)
                        for key, locked in found.lock.items()
                    },
                },
                indent=1,
            )
        )
        return
    for verb in ("added", "changed", "removed"):
        for key in getattr(found, verb):
            click.echo(f"{verb}: {key}")
    if not (found.added or found.changed or found.removed):
        click.echo(f"nothing to do, {len(found.lock)} checksums are locked")
