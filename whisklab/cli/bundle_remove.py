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
    from whisklab.images.used import Used


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
    Without a registry images go from the cache, and from the nodes by the next `whisklab apply`.
    """
    from whisklab.engine.run.start import session  # noqa: PLC0415, I001  patches the standard library, must be first
    from whisklab.bundle import leaving, reading, uploading  # noqa: PLC0415
    from whisklab.cli import images_site  # noqa: PLC0415
    from whisklab.engine.registries import registry  # noqa: PLC0415
    from whisklab.images import removal  # noqa: PLC0415

    manifest, others = reading.manifest_of(old), [reading.manifest_of(each) for each in kept]
    inventory = session.open_inventory(environment)
    files = _files(manifest, others)
    if not uploading.has_images(manifest):
        if _agreed(0, files, yes=yes):
            _delete(files)
        return
    if not registry.is_wanted(inventory):
        with images_site.cluster(inventory) as master:
            used = images_site.uses(master)
        _remove_archives(manifest, others, used, files, yes=yes)
        return
    with images_site.reached(inventory) as site:
        brought, used = leaving.images(manifest, others, site.registry.access), site.used()
        there = site.listed(used)
        found = leaving.tags(there, brought)
        for line in (*found.staying, *map(str, removal.removals(there, found.going, used))):
            click.echo(line)
        if not _agreed(len(found.going), files, yes=yes):
            return
        _delete(files)
        site.untag(found.going)
        if found.going:
            click.echo(f"`whisklab images gc {environment}` frees what no tag reaches any more")


def _remove_archives(
    manifest: Manifest, others: Sequence[Manifest], used: Used, files: Sequence[Path], *, yes: bool
) -> None:
    """Remove images for nodes, from the list first: what is in it, `apply` must find."""
    from whisklab.bundle import leaving, node_archives  # noqa: PLC0415
    from whisklab.engine.artifacts import node_images  # noqa: PLC0415
    from whisklab.engine.run.environment import current  # noqa: PLC0415

    path = current().node_images
    listed = node_images.read(path)
    found = leaving.archives(manifest, others, listed, used)
    for line in (*found.staying, *(f"{each.name}, from the nodes" for each in found.going)):
        click.echo(line)
    left = listed.changed([each for each in listed.images if each not in found.going])
    ours = set(node_archives.paths(listed)) - set(node_archives.paths(left))
    going = [*files, *sorted(each for each in ours if each.is_file())]
    if not _agreed(len(found.going), going, yes=yes):
        return
    node_images.write(path, left)
    _delete(going)
    if found.going:
        click.echo(f"`whisklab apply {current().name}` takes them off the nodes")


def _files(old: Manifest, kept: Sequence[Manifest]) -> list[Path]:
    from whisklab.bundle import leaving  # noqa: PLC0415

    found = {path: bytes_ for path, bytes_ in leaving.files(old, kept).items() if path.is_file()}
    for path, bytes_ in found.items():
        click.echo(f"{path.name} in this laptop's cache, {size(bytes_)}")
    return list(found)


def _agreed(images: int, files: Sequence[Path], *, yes: bool) -> bool:
    """Tell whether there is something to remove; who does not want it ends the program."""
    if not files and not images:
        click.echo("nothing to remove")
        return False
    consent.require(f"remove these {images} images and {len(files)} files?", yes=yes)
    return True


def _delete(files: Sequence[Path]) -> None:
    for path in files:
        path.unlink(missing_ok=True)
        with suppress(OSError):  # it has a file of another name, too
            path.parent.rmdir()
