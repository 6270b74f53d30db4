"""A bundle's file on the command line, and the key of who may have built it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from whisklab.errors import BadInput, WhisklabError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from whisklab.bundle.volume import Volume

KEY_OPTION = click.option(
    "--key",
    "key_path",
    type=click.Path(path_type=Path),
    help="The bundle_key.pub of who built it; else that of .secrets/ENVIRONMENT/.",
)


def opened(file: Path) -> AbstractContextManager[Volume]:
    """Open a bundle; raises as `volume.opened`."""
    from whisklab.bundle import volume  # noqa: PLC0415

    return volume.opened(file)


def key_of(volume: Volume, given: Path | None) -> Ed25519PublicKey:
    """Return the key of who may have built a bundle.

    Args:
        volume: the bundle.
        given: a file with the key; None: the environment that the bundle names has it.

    Raises:
        BadInput: there is no such key.
        WhisklabError: the bundle is damaged where it names its environment.
    """
    from whisklab.bundle import keys, reading, tar  # noqa: PLC0415
    from whisklab.bundle.manifest import read  # noqa: PLC0415
    from whisklab.engine.data.secrets import SecretStore  # noqa: PLC0415

    if given is not None:
        return keys.public(given)
    text = reading.head(volume).text
    try:
        name = read(text, f"{volume.label}: {tar.MANIFEST}").environment
    except BadInput as error:
        raise WhisklabError(str(error)) from None
    store = SecretStore(Path(".secrets") / Path(name).name)
    found = keys.trusted(store)
    if found is None:
        raise BadInput(
            f"{volume.label}: there is no {store.path(keys.PUBLIC)} to check its signature with: "
            "put there that of who built it, or give it (--key)"
        )
    return found
