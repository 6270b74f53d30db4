"""`whisklab actions`: what people have in OpenWhisk, out to a file and in again."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from whisklab.cli.progress import Progress
from whisklab.engine.data.secrets import SecretStore, write_private
from whisklab.errors import BadInput, WhisklabError

if TYPE_CHECKING:
    from deploys.openwhisk.api import OpenWhisk
    from deploys.openwhisk.backup import Imported
    from deploys.openwhisk.portable import Document

UNKNOWN_KIND = "The specified runtime"  # so the controller's sentence on it begins
DIFFERENT = 3  # as of a plan that found something

_environment = click.argument("environment")
_auth = click.option(
    "--auth-file",
    type=click.Path(path_type=Path, dir_okay=False),
    help="A file with the key of another namespace than the guests'; mode 0600.",
)


@click.group()
def actions() -> None:
    """Keep packages, actions, triggers and rules of a namespace in a file."""


@actions.command(name="export")
@_environment
@click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))
@_auth
def export_(environment: str, file: Path | None, auth_file: Path | None) -> None:
    """Write what OpenWhisk of ENVIRONMENT has to FILE (.secrets/ENVIRONMENT/actions.json).

    The file is for its owner alone (0600): parameters may be secrets. An older export is replaced.
    Routes of the API gateway and what providers know of triggers are not in it.
    """
    from whisklab.engine.run.start import session  # noqa: F401, PLC0415, I001  patches the standard library, must be first
    from deploys.openwhisk import backup, portable  # noqa: PLC0415
    from whisklab.engine.run import environment as environments  # noqa: PLC0415

    with _opened(environment, auth_file) as client:
        target = file or environments.current().secrets / "actions.json"
        _require_export(target)
        with Progress() as progress:
            found = backup.export(client, progress.report)
    _write(target, found.model_dump_json(indent=1) + "\n")
    counts = (f"{each} {len(getattr(found, each))}" for each in portable.COLLECTIONS)
    click.echo(f"{target}: {', '.join(counts)} of the namespace {found.namespace}")


@actions.command(name="import")
@_environment
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@_auth
@click.option("--overwrite", is_flag=True, help="Replace what is there and differs.")
@click.option(
    "--kind",
    "kinds",
    multiple=True,
    metavar="OLD=NEW",
    help="Have actions of a kind in the file as another one, such as nodejs:14=nodejs:20.",
)
def import_(
    environment: str, file: Path, auth_file: Path | None, overwrite: bool, kinds: tuple[str, ...]
) -> int:
    """Have what FILE holds in OpenWhisk of ENVIRONMENT; nothing is deleted.

    Exit code 0: all is as in the file; 1: something was refused; 2: bad input; 3: something that
    was there differs, and was left.
    """
    from whisklab.engine.run.start import session  # noqa: F401, PLC0415, I001  patches the standard library, must be first
    from deploys.openwhisk import backup  # noqa: PLC0415

    document = _of_kinds(file, _read(file), kinds)
    with _opened(environment, auth_file) as client, Progress() as progress:
        result = backup.restore(client, document, progress.report, overwrite=overwrite)
    for line in told(result):
        click.echo(line)
    if result.refusals:
        return WhisklabError.exit_code
    return DIFFERENT if result.names[backup.Outcome.LEFT] else 0


def told(result: Imported) -> list[str]:
    """Return what became of a file, as lines. Pure."""
    from deploys.openwhisk.backup import Outcome  # noqa: PLC0415

    lines = [*result.notes, *(f"refused: {each}" for each in result.refusals)]
    lines += [
        f"left, it differs from the file (--overwrite replaces it): {name}"
        for name in result.names[Outcome.LEFT]
    ]
    if any(UNKNOWN_KIND in each for each in result.refusals):
        lines.append("what usually helps: --kind OLD=NEW, such as --kind nodejs:14=nodejs:20")
    counts = (f"{len(names)} {outcome}" for outcome, names in result.names.items() if names)
    return [*lines, ", ".join(counts) or "the file is empty"]


@contextmanager
def _opened(environment: str, auth_file: Path | None) -> Iterator[OpenWhisk]:
    from whisklab.engine.run.start import session  # noqa: PLC0415, I001  patches the standard library, must be first
    from deploys.k3s import render  # noqa: PLC0415
    from deploys.k3s.settings import K3sSettings  # noqa: PLC0415
    from deploys.openwhisk.reach import connect  # noqa: PLC0415
    from deploys.openwhisk.settings import OpenWhiskSettings  # noqa: PLC0415
    from whisklab.engine.kubernetes.kube import Endpoint  # noqa: PLC0415

    master = session.open_inventory(environment).get_group("masters")[0]
    if not OpenWhiskSettings.of(master).enabled:
        raise BadInput(f"{environment} has no OpenWhisk: openwhisk_enabled is False")
    key = _key(auth_file) if auth_file else None
    api = Endpoint(render.KUBECONFIG, K3sSettings.of(master).https_listen_port)
    with session.connected(master):
        yield connect(master, api, key, str(auth_file))


def _key(path: Path) -> str:
    key = SecretStore(path.parent).read(path.name)
    if key is None:
        raise BadInput(f"{path}: no such file")
    if ":" not in key or len(key.split()) != 1:
        raise BadInput(f"{path}: expected one key of OpenWhisk, as UUID:LETTERS")
    return key


def _read(path: Path) -> Document:
    from deploys.openwhisk.portable import read  # noqa: PLC0415

    try:
        return read(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeError) as error:
        raise BadInput(f"{path}: cannot be read: {error}") from error
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from error


def _of_kinds(path: Path, document: Document, pairs: tuple[str, ...]) -> Document:
    from deploys.openwhisk.portable import of_kinds  # noqa: PLC0415

    kinds = {}
    for pair in pairs:
        old, _, new = pair.partition("=")
        if not (old and new):
            raise BadInput(f"--kind {pair}: expected OLD=NEW, such as nodejs:14=nodejs:20")
        kinds[old] = new
    try:
        return of_kinds(document, kinds)
    except BadInput as error:
        raise BadInput(f"--kind: {path}: {error}") from error


def _require_export(path: Path) -> None:
    """Do nothing where there is no file, or an older export: anything else is not ours."""
    if path.exists():
        try:
            _read(path)
        except BadInput as error:
            raise BadInput(f"{error}: name another file, it is not replaced") from error


def _write(path: Path, text: str) -> None:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_private(path, text)
    except OSError as error:
        raise WhisklabError(f"{path}: cannot be written: {error}") from error
