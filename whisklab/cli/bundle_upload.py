"""`whisklab bundle upload`: what a bundle holds, to where a deploy looks for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from whisklab.cli.bundle_files import KEY_OPTION, key_of, opened
from whisklab.cli.progress import Progress
from whisklab.cli.tables import size
from whisklab.errors import WhisklabError

if TYPE_CHECKING:
    from collections.abc import Callable

    from pyinfra.api.inventory import Inventory

    from whisklab.bundle.filling import Filled
    from whisklab.bundle.manifest import Manifest
    from whisklab.bundle.node_archives import Archived
    from whisklab.bundle.volume import Volume
    from whisklab.images.push import Pushed


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("environment")
@KEY_OPTION
@click.option("--json", "as_json", is_flag=True, help="As JSON, on stdout.")
def upload(file: Path, environment: str, key_path: Path | None, as_json: bool) -> None:
    """Bring a bundle FILE, or its parts FILE.001 and so on, to where ENVIRONMENT needs it.

    Each byte is compared first. Programs, charts and archives go into this laptop's cache, from
    which `whisklab apply` sends them; images go into the registry of ENVIRONMENT, or, where it has
    none, into the cache, too, and `whisklab apply` puts them on each node. Only what lacks is sent,
    and what was cut goes on where it was. Exit code 0: all is there; 1: failed; 2: bad input, such
    as a bundle for other machines.
    """
    from whisklab.engine.run.start import session  # noqa: PLC0415, I001  patches the standard library, must be first
    from whisklab.bundle import filling, uploading  # noqa: PLC0415
    from whisklab.engine.registries import registry  # noqa: PLC0415

    inventory = session.open_inventory(environment)  # before a large file is read for nothing
    with opened(file) as volume, Progress() as progress:
        manifest = _verified(volume, key_path, progress.report)
        _note_other(volume, manifest, environment)
        filled = filling.fill(volume, manifest, progress.report)
        if not as_json:
            _tell_files(filled)
        pushed: Sequence[Pushed] = ()
        archived = None
        if not registry.is_wanted(inventory):
            archived = _archive(volume, manifest, progress.report)
        elif uploading.has_images(manifest):
            pushed = _push(volume, manifest, inventory, environment, progress.report)
    if as_json:
        click.echo(json.dumps(_as_data(volume, filled, pushed, archived), indent=1))
    elif archived is not None:
        _tell_archived(archived, environment)
    else:
        _tell_images(pushed)


def _verified(volume: Volume, key_path: Path | None, report: Callable[[str], None]) -> Manifest:
    from whisklab.bundle import verifying  # noqa: PLC0415

    verdict = verifying.verify(volume, key_of(volume, key_path), report, blobs=True)
    if verdict.problems or verdict.manifest is None:
        raise WhisklabError("\n".join(verdict.problems))
    return verdict.manifest


def _note_other(volume: Volume, manifest: Manifest, environment: str) -> None:
    if manifest.environment != environment:
        click.echo(
            f"{volume.label}: was built for {manifest.environment}: `whisklab bundle verify "
            f"{volume.label} --env {environment}` says whether it holds what {environment} needs",
            err=True,
        )


def _push(
    volume: Volume, manifest: Manifest, inventory: Inventory, environment: str,
    report: Callable[[str], None],
) -> list[Pushed]:  # fmt: skip
    from whisklab.bundle import uploading  # noqa: PLC0415
    from whisklab.bundle.source import BundleSource  # noqa: PLC0415
    from whisklab.cli import images_site  # noqa: PLC0415

    source = BundleSource(volume, manifest)
    with images_site.reached(inventory) as site:
        uploading.require_fit(volume.label, manifest, site.known_architectures())
        uploading.require_registry(site.registry, environment)
        found = uploading.ready(source, manifest, site.registry)
        return site.push(source, found.targets, report, found.elsewhere)


def _archive(volume: Volume, manifest: Manifest, report: Callable[[str], None]) -> Archived:
    """Have the images where `whisklab apply` finds them for nodes, and the list that names them."""
    from whisklab.bundle import node_archives  # noqa: PLC0415
    from whisklab.bundle.source import BundleSource  # noqa: PLC0415
    from whisklab.engine.artifacts import node_images  # noqa: PLC0415
    from whisklab.engine.run.environment import current  # noqa: PLC0415

    path = current().node_images
    source, before = BundleSource(volume, manifest), node_images.read(path)
    found = node_archives.archive(source, manifest, before, report)
    node_images.write(path, found.images)
    return found


def _tell_files(filled: Filled) -> None:
    click.echo(
        f"files: {filled.total} in this laptop's cache, {filled.brought} of them new "
        f"({size(filled.size)})"
    )


def _tell_images(pushed: Sequence[Pushed]) -> None:
    for each in pushed:
        if each.sent:
            click.echo(
                f"{each.name} -> {each.digest}: {size(each.sent)} sent, {size(each.skipped)} were "
                "there"
            )
    sent, skipped = _bytes(pushed)
    click.echo(
        f"images: {len(pushed)} in the registry, {size(sent)} sent, {size(skipped)} were there"
    )


def _tell_archived(archived: Archived, environment: str) -> None:
    click.echo(
        f"images: {archived.total} in this laptop's cache, {archived.brought} of them new "
        f"({size(archived.size)}); {environment} has no registry, so `whisklab apply "
        f"{environment}` puts them on its nodes"
    )


def _bytes(pushed: Sequence[Pushed]) -> tuple[int, int]:
    return sum(each.sent for each in pushed), sum(each.skipped for each in pushed)


def _as_data(
    volume: Volume, filled: Filled, pushed: Sequence[Pushed], archived: Archived | None
) -> dict[str, object]:
    sent, skipped = _bytes(pushed)
    found: dict[str, object] = {
        "bundle": volume.label, "files": asdict(filled), "sent": sent, "skipped": skipped,
        "images": [asdict(each) for each in pushed],
    }  # fmt: skip
    if archived is not None:
        found["archives"] = {
            "total": archived.total, "brought": archived.brought, "size": archived.size
        }  # fmt: skip
    return found
