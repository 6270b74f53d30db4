"""`whisklab images`: a user's own images in the environment's registry."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from whisklab.cli import consent
from whisklab.cli.progress import Progress
from whisklab.cli.tables import size, table
from whisklab.errors import BadInput

if TYPE_CHECKING:
    from whisklab.cli.images_site import Site
    from whisklab.images.image import Image
    from whisklab.images.listing import Listed
    from whisklab.images.names import Reference
    from whisklab.images.push import Pushed
    from whisklab.images.sources import Source

_environment = click.argument("environment")
_json = click.option("--json", "as_json", is_flag=True, help="As JSON, on stdout.")
_yes = click.option("--yes", is_flag=True, help="Do not ask.")
_DIGEST_SHOWN = 19  # characters: sha256: and twelve


@click.group()
def images() -> None:
    """Push images into the registry of an environment, list them, remove them."""


@images.command()
@_environment
@click.argument("source")
@click.argument("name", required=False)
@click.option("--any-architecture", is_flag=True, help="Also one that no node can run.")
@_json
def push(
    environment: str, source: str, name: str | None, any_architecture: bool, as_json: bool
) -> None:
    """Push the image SOURCE into the registry of ENVIRONMENT, as NAME or as it is called there.

    SOURCE is an archive of `docker save`, an OCI layout (an archive or a directory), or
    docker://IMAGE or containerd://IMAGE of this machine. What the registry has is not sent, and a
    push that was cut goes on where it was. Exit code 0: it is there; 1: failed; 2: bad input.
    """
    with _source(source) as opened:
        found = _read(opened)
        with _site(environment) as site, Progress() as progress:
            targets = _targets(opened, found, name, site)
            if not any_architecture:
                _require_fit(site, opened, targets)
            done = site.push(opened, targets, progress.report)
    _tell_pushed(done, as_json=as_json)


@images.command(name="list")
@_environment
@_json
def list_(environment: str, as_json: bool) -> None:
    """List the images in the registry of ENVIRONMENT, and what of the cluster uses them.

    The size counts what an image shares with others, too.
    """
    with _site(environment) as site:
        found = site.listed(site.used())
    if as_json:
        click.echo(json.dumps([_as_data(each) for each in found], indent=1))
    elif not found:
        click.echo(f"{environment} has no image: `whisklab images push {environment}` brings one")
    else:
        head = ("image", "digest", "size", "for", "used by")
        for line in table([head, *(_row(each) for each in found)]):
            click.echo(line)


@images.command()
@_environment
@click.argument("names", metavar="NAME...", nargs=-1, required=True)
@_yes
def rm(environment: str, names: tuple[str, ...], yes: bool) -> None:
    """Remove tags from the registry of ENVIRONMENT; their other tags stay.

    What the cluster uses is refused. The space is free after `whisklab images gc`.
    """
    from whisklab.engine.run.start import session  # noqa: F401, PLC0415  patches the standard library, must be first
    from whisklab.images import names as references  # noqa: PLC0415
    from whisklab.images import removal  # noqa: PLC0415

    with _site(environment) as site:
        wanted = [references.parse(each, site.registry.access) for each in names]
        used = site.used()
        going = removal.removals(site.listed(used), wanted, used)
        for each in going:
            click.echo(str(each))
        consent.require("remove these tags?", yes=yes)
        site.untag([each.name for each in going])


@images.command()
@_environment
@_yes
def gc(environment: str, yes: bool) -> None:
    """Free what no tag of the registry of ENVIRONMENT reaches any more, and left-over uploads.

    Nodes go on pulling meanwhile; a push waits until it is done. What the cluster uses without a
    tag gets one, and stays.
    """
    with _site(environment) as site:
        for name in site.keep_used():
            click.echo(f"{name}: is in use without a tag: it got this one")
        going = site.going()
        if going.is_nothing:
            click.echo("nothing to free")
            return
        for repository, digest in going.manifests:
            click.echo(f"{repository}@{digest}")
        click.echo(
            f"without a tag: {len(going.manifests)} manifests, {len(going.blobs)} files with "
            f"{size(going.size)}; left-over uploads: {len(going.uploads)}, "
            f"{size(sum(going.uploads))}"
        )
        consent.require("remove these?", yes=yes)
        site.collect(going)
        click.echo(f"freed: {size(going.size + sum(going.uploads))}")


@contextmanager
def _site(environment: str) -> Iterator[Site]:
    from whisklab.cli.images_site import opened  # noqa: PLC0415  patches the library for gevent

    with opened(environment) as site:
        yield site


@contextmanager
def _source(given: str) -> Iterator[Source]:
    from whisklab.engine.run.start import session  # noqa: F401, PLC0415  patches the standard library, must be first
    from whisklab.images import archives, local  # noqa: PLC0415

    with ExitStack() as stack:
        there = local.split(given)
        path = stack.enter_context(local.saved(*there)) if there else Path(given)
        yield stack.enter_context(archives.opened(path))


def _read(source: Source) -> list[Image]:
    from whisklab.images import reading  # noqa: PLC0415

    found = reading.images(source)
    for note in (note for each in found for note in each.notes):
        click.echo(note, err=True)
    return found


def _targets(
    source: Source, found: list[Image], name: str | None, site: Site
) -> list[tuple[Image, Reference]]:
    from whisklab.images import reading  # noqa: PLC0415

    return reading.targets(source, found, name, site.registry.access)


def _require_fit(site: Site, source: Source, targets: Sequence[tuple[Image, Reference]]) -> None:
    from whisklab.images.image import unfit  # noqa: PLC0415

    nodes = site.architectures()
    for image, name in targets:
        if why := unfit(image, nodes):
            raise BadInput(
                f"{source.label}: {name} {why}: build it for these, or push it all the same with "
                "--any-architecture"
            )


def _tell_pushed(done: Sequence[Pushed], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([asdict(each) for each in done], indent=1))
        return
    for each in done:
        click.echo(
            f"{each.name} -> {each.digest}: {size(each.sent)} sent, {size(each.skipped)} were there"
        )


def _as_data(tag: Listed) -> dict[str, object]:
    return {
        "name": tag.name.repository, "tag": tag.name.tag, "digest": tag.digest, "size": tag.size,
        "architectures": tag.architectures, "used_by": tag.users,
    }  # fmt: skip


def _row(tag: Listed) -> tuple[str, ...]:
    from whisklab.engine.sentences import listed  # noqa: PLC0415

    architectures = ",".join(tag.architectures)
    return (
        str(tag.name), tag.digest[:_DIGEST_SHOWN], size(tag.size), architectures, listed(tag.users),
    )  # fmt: skip
