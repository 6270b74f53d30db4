"""`whisklab bundle remove`: what an earlier bundle has brought and nobody needs any more."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from whisklab.cli import consent
from whisklab.cli.tables import size

if TYPE_CHECKING:
    from whisklab.bundle.manifest import Manifest


@click.command()
@click.argument("old", type=click.Path(path_type=Path))
@click.argument("environment")
@click.option(
    "--keep",
    "kept",
    multiple=True,
    type=click.Path(path_type=Path),
    help="A bundle, or its FILE.manifest, whose contents stay; may be repeated.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
def remove(old: Path, environment: str, kept: Sequence[Path], yes: bool) -> None:
    """Remove what the bundle OLD has brought to ENVIRONMENT and no bundle --keep has.

    OLD may be its FILE.manifest, which a build writes beside it. Tags go from the registry, and
    files from this laptop's cache. What the cluster uses stays, and tags that mean another image by
    now. All that goes is listed first. The registry's space is free after `whisklab images gc`.
    """
    from whisklab.engine.run.start import session  # noqa: PLC0415, I001  patches the standard library, must be first
    from whisklab.bundle import leaving, reading, uploading  # noqa: PLC0415
    from whisklab.cli import images_site  # noqa: PLC0415
    from whisklab.images import removal  # noqa: PLC0415

    manifest, others = reading.manifest_of(old), [reading.manifest_of(each) for each in kept]
    inventory = session.open_inventory(environment)
    files = _files(manifest, others)
    if not uploading.has_images(manifest):
        _remove(files, yes=yes)
        return
    with images_site.reached(inventory) as site:
        brought, used = leaving.images(manifest, others, site.registry.access), site.used()
        there = site.listed(used)
        found = leaving.tags(there, brought)
        for line in (*found.staying, *map(str, removal.removals(there, found.going, used))):
            click.echo(line)
        _remove(files, len(found.going), yes=yes)
        site.untag(found.going)
        if found.going:
            click.echo(f"`whisklab images gc {environment}` frees what no tag reaches any more")


def _files(old: Manifest, kept: Sequence[Manifest]) -> list[Path]:
    from whisklab.bundle import leaving  # noqa: PLC0415

    found = {path: bytes_ for path, bytes_ in leaving.files(old, kept).items() if path.is_file()}
    for path, bytes_ in found.items():
        click.echo(f"{path.name} in this laptop's cache, {size(bytes_)}")
    return list(found)


def _remove(files: Sequence[Path], tags: int = 0, *, yes: bool) -> None:
    """Remove files of the cache, if the user wants that and so many tags to go."""
    if not files and not tags:
        click.echo("nothing to remove")
        return
    consent.require(f"remove these {tags} tags and {len(files)} files?", yes=yes)
    for path in files:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # it has a file of another name, too
            path.parent.rmdir()
