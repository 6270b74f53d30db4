"""What `whisklab bundle` prints."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from whisklab.cli.tables import size

if TYPE_CHECKING:
    from whisklab.bundle.building import Built
    from whisklab.bundle.comparing import Difference
    from whisklab.bundle.manifest import Item, Manifest
    from whisklab.bundle.volume import Volume

_SHOWN = 26  # characters of a version that is a digest


def built(built: Built, fingerprint: str, *, as_json: bool) -> None:
    """Print what was built."""
    from whisklab.bundle import tar  # noqa: PLC0415

    manifest = built.manifest
    if as_json:
        data = {
            "files": [str(each) for each in built.files], "size": built.size,
            "manifest": str(built.beside), "key": fingerprint, "items": len(manifest.items),
            "lacking": manifest.lacking, "laptops": [str(each) for each in manifest.laptops],
        }  # fmt: skip
        click.echo(json.dumps(data, indent=1))
        return
    notes(manifest)
    files = ", ".join(map(str, built.files))
    click.echo(f"{files}: {len(manifest.items)} items, {size(built.size)}, signed by {fingerprint}")
    if install := tar.document(manifest, tar.INSTALL):
        whole, parts = built.path, [each for each in built.files if each != built.path]
        get = f"cat {whole}.[0-9]* | tar xf -" if parts else f"tar xf {whole}"
        click.echo(f"inside: {get} {install.name} && python3 {install.name} {whole} whisklab")
        click.echo(f"{install.name} has the SHA-256 {install.sha256}")


def notes(manifest: Manifest) -> None:
    """Tell what was decided, and what is not in the bundle."""
    # Most images have other platforms: --json has the digests of each.
    fewer = [each for each in manifest.items if each.upstream]
    if fewer:
        platforms = ", ".join(f"linux/{each}" for each in manifest.architectures)
        click.echo(
            f"{len(fewer)} images without their other platforms and attestations, so with digests "
            f"of their own: all but {platforms}"
        )
    for item in manifest.items:
        for note in () if item.upstream else item.notes:
            click.echo(f"{item}: {note}")
    for sentence in manifest.lacking:
        click.echo(f"not in it: {sentence}")


def verified(volume: Volume, manifest: Manifest, *, blobs: bool) -> None:
    """Print that a bundle is right."""
    compared = "every byte was compared" if blobs else "not compared byte by byte (--blobs)"
    since = f", new since the manifest {manifest.since[:12]}" if manifest.since else ""
    count = f"{len(manifest.items)} items, {size(volume.size)}{since}"
    click.echo(f"{volume.label}: right: {count}; {compared}")


def sbom(manifest: Manifest, items: Sequence[Item]) -> None:
    """Print a list of packages."""
    from whisklab.bundle import comparing  # noqa: PLC0415

    click.echo(json.dumps(comparing.sbom(manifest, items, datetime.now(UTC)), indent=1))


def difference(found: Difference) -> None:
    """Print what differs."""
    for each in found.added:
        click.echo(f"added: {each} ({size(each.size)})")
    for each in found.removed:
        click.echo(f"removed: {each}")
    for old, new in found.changed:
        click.echo(f"changed: {new}: sha256:{old.sha256[:12]} -> sha256:{new.sha256[:12]}")
    if not (found.added or found.removed or found.changed):
        click.echo("no difference")
    else:
        click.echo(f"to carry: {size(found.bytes_new)}")


def as_data(found: Difference) -> dict[str, object]:
    """Return what differs as JSON has it. Pure."""
    return {
        "added": [each.model_dump(mode="json") for each in found.added],
        "removed": [each.model_dump(mode="json") for each in found.removed],
        "changed": [
            {"before": old.model_dump(mode="json"), "after": new.model_dump(mode="json")}
            for old, new in found.changed
        ],
        "bytes_new": found.bytes_new,
    }


def row(item: Item) -> tuple[str, ...]:
    """Return the line of a table for an item. Pure."""
    shown = item.version if "sha256:" not in item.version else item.version[:_SHOWN]
    architectures = ",".join(item.architectures)
    return (item.kind, item.name, shown, architectures, size(item.size), item.licence)
