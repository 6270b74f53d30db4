"""`whisklab bundle`: all that an environment needs, for a network without a way out."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from whisklab.cli import bundle_told
from whisklab.cli.bundle_files import KEY_OPTION, key_of, opened
from whisklab.cli.bundle_remove import remove
from whisklab.cli.bundle_upload import upload
from whisklab.cli.progress import Progress
from whisklab.cli.tables import table
from whisklab.errors import BadInput, WhisklabError

if TYPE_CHECKING:
    from whisklab.bundle.manifest import Manifest

_file = click.argument("file", type=click.Path(path_type=Path))
_json = click.option("--json", "as_json", is_flag=True, help="As JSON, on stdout.")
_sbom = click.option("--sbom", is_flag=True, help="As a list of packages, SPDX 2.3 in JSON.")
_arch = click.option(
    "--arch", default="amd64", show_default=True, help="Of the machines, such as amd64,arm64."
)
_python = click.option(
    "--python", help="Of the laptops inside, such as 3.11,3.12; that of this one unless said."
)
_laptop = click.option(
    "--laptop",
    help="The laptops inside, such as linux-amd64,linux-arm64,macos-arm64; this one unless said.",
)
_system = click.option(
    "--system", help="Of the machines, such as debian-12,ubuntu-24.04: their packages go in."
)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30}
_LEAST = 1 << 20  # bytes of a part


@click.group()
def bundle() -> None:
    """Build, check and upload bundles: one file with all that a closed network needs."""


bundle.add_command(upload)
bundle.add_command(remove)


@bundle.command()
@click.argument("environment")
@click.option(
    "-o", "--output", "path", type=click.Path(path_type=Path), help="The file; ENVIRONMENT.bundle."
)
@_arch
@_system
@_python
@_laptop
@click.option(
    "--since",
    type=click.Path(path_type=Path),
    help="An earlier bundle, or its FILE.manifest: only what is new since goes in.",
)
@click.option(
    "--from",
    "sources",
    multiple=True,
    type=click.Path(path_type=Path),
    help="An earlier bundle that is looked into first, as upstreams delete; may be repeated.",
)
@click.option("--split", help="Parts of this size, FILE.001 and so on, such as 2G.")
@_json
def build(
    environment: str, path: Path | None, arch: str, system: str | None, python: str | None,
    laptop: str | None, since: Path | None, sources: Sequence[Path], split: str | None,
    as_json: bool,
) -> None:  # fmt: skip
    """Build the bundle of ENVIRONMENT where there is a network.

    It holds programs, charts and images, for all of --arch, the packages that machines of --system
    need, each with all that it depends on, and whisklab itself, for all of --python and --laptop.
    It is signed with the key of ENVIRONMENT, which the first build makes in
    .secrets/ENVIRONMENT/bundle_key. What is fetched stays in the cache, so a build that was killed
    goes on there. The same lock gives the same bytes. Exit code 0: it is there; 1: failed; 2: bad
    input.
    """
    from whisklab.cli.bundle_site import architectures_of, laptops_of, site_of, systems_of  # noqa: PLC0415, I001  patches the library, must be first
    from whisklab.bundle import building, keys, reading  # noqa: PLC0415
    from whisklab.bundle.older import Older  # noqa: PLC0415
    from whisklab.bundle.pace import Pace  # noqa: PLC0415

    parts = _bytes(split) if split else None
    before = reading.manifest_of(since) if since else None
    architectures, systems = architectures_of(arch), systems_of(system)
    laptops = laptops_of(python, laptop)
    with ExitStack() as stack:
        older = Older([stack.enter_context(opened(each)) for each in sources])
        report = Pace(stack.enter_context(Progress()).report)
        site = site_of(environment, architectures, systems, report, older, laptops)
        key = keys.signer(site.store)
        target = path or Path(f"{environment}.bundle")
        plan = building.Plan(environment, architectures, key, target, parts, before, systems)
        built = building.build(plan, site.contents, site.sources, site.lock, report)
    bundle_told.built(built, keys.fingerprint_of(key.public_key()), as_json=as_json)


@bundle.command()
@_file
@click.option("--blobs", is_flag=True, help="Also compare every byte, which reads all of it.")
@KEY_OPTION
@click.option("--env", "environment", help="Also compare it with what this environment needs now.")
def verify(file: Path, blobs: bool, key_path: Path | None, environment: str | None) -> int:
    """Check a bundle FILE, or its parts FILE.001 and so on.

    Signature, manifest, that each file is there and none beside, and that each image leads to its
    layers. With --env charts are rendered anew, where there is a network. Exit code 0: it is
    right; 1: it is not, a sentence for each finding; 2: bad input, such as a file that is none.
    """
    if environment:
        from whisklab.engine.run.start import session  # noqa: F401, PLC0415  patches the standard library, must be first
    from whisklab.bundle import verifying  # noqa: PLC0415

    with opened(file) as volume, Progress() as progress:
        key = key_of(volume, key_path)
        verdict = verifying.verify(volume, key, progress.report, blobs=blobs)
        problems = list(verdict.problems)
        if environment and verdict.manifest and not problems:
            problems += _unmet(environment, verdict.manifest, progress)
        if problems:
            raise WhisklabError("\n".join(problems))
        if verdict.manifest:
            bundle_told.verified(volume, verdict.manifest, blobs=blobs)
    return 0


@bundle.command(name="list")
@_file
@_json
@_sbom
def list_(file: Path, as_json: bool, sbom: bool) -> None:
    """List what a bundle FILE holds, and what it does not; its signature is not checked.

    FILE may also be the FILE.manifest that a build writes beside its bundle.
    """
    from whisklab.bundle import reading  # noqa: PLC0415

    manifest = reading.manifest_of(file)
    if as_json:
        click.echo(manifest.text(), nl=False)
        return
    if sbom:
        bundle_told.sbom(manifest, manifest.items)
        return
    head = ("kind", "name", "version", "for", "size", "licence")
    for line in table([head, *(bundle_told.row(each) for each in manifest.items)]):
        click.echo(line)
    bundle_told.notes(manifest)


@bundle.command()
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@_json
@_sbom
def diff(before: Path, after: Path, as_json: bool, sbom: bool) -> None:
    """Tell what differs between the bundles BEFORE and AFTER, or their FILE.manifest.

    With --sbom: a list of what is new or changed. Exit code 0: also where they differ.
    """
    from whisklab.bundle import comparing, reading  # noqa: PLC0415

    manifest = reading.manifest_of(after)
    found = comparing.difference(reading.manifest_of(before), manifest)
    if sbom:
        bundle_told.sbom(manifest, [*found.added, *(new for _, new in found.changed)])
    elif as_json:
        click.echo(json.dumps(bundle_told.as_data(found), indent=1))
    else:
        bundle_told.difference(found)


def _bytes(text: str) -> int:
    found = re.fullmatch(r"(\d+)([KMG]?)", text.strip().upper())
    count = int(found[1]) * _UNITS[found[2]] if found else 0
    if count < _LEAST:
        raise BadInput(f"--split: {text}: expected the size of a part, such as 2G, at least 1M")
    return count


def _unmet(environment: str, manifest: Manifest, progress: Progress) -> list[str]:
    from whisklab.cli.bundle_site import site_of  # noqa: PLC0415, I001  patches the library, must be first
    from whisklab.bundle import verifying  # noqa: PLC0415
    from whisklab.bundle.pace import Pace  # noqa: PLC0415

    report, laptops = Pace(progress.report), manifest.laptops
    site = site_of(environment, manifest.architectures, manifest.systems, report, laptops=laptops)
    return verifying.unmet(manifest, site.contents, site.lock, site.sources.packages.lock)
