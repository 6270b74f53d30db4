"""Copies of an environment's secrets on its machines, for root: another laptop takes them over."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from pyinfra import host
from pyinfra.api.exceptions import ConnectError
from pyinfra.api.host import Host
from pyinfra.context import ctx_state

from whisklab.engine.resources import files
from whisklab.engine.scripts import script
from whisklab.engine.ssh.remote import run_quietly
from whisklab.errors import WhisklabError

_LOOK = """
for f in "$1"/*; do
  if test -f "$f"; then text=$(base64 -w0 < "$f") || exit; echo "${f##*/} $text"; fi
done
"""


def kept(directory: str, secrets: Mapping[str, str]) -> None:
    """Have copies on this host.

    Args:
        directory: of the host.
        secrets: by file name.
    """
    for name, text in host.loop(list(secrets.items())):
        files.content(
            name=f"Kept for other laptops: {name}", path=f"{directory}/{name}", content=text,
            mode="600", secret=True,
        )  # fmt: skip


def there(machine: Host, directory: str) -> dict[str, str]:
    """Return what a machine keeps, by file name; nothing where it keeps nothing yet.

    A file that is empty, as a power cut may leave it, keeps nothing.

    Raises:
        WhisklabError: the machine cannot be asked, or a file is no text.
    """
    if machine not in ctx_state.get().inventory.get_active_hosts():
        try:  # a run limited to other machines has not connected to it
            machine.connect(reason="for its secrets", show_errors=False, raise_exceptions=True)
        except ConnectError as error:
            raise WhisklabError(str(error)) from error
    lines = run_quietly(machine, script(_LOOK, directory)).splitlines()
    pairs = (line.rpartition(" ") for line in lines)
    found = {name: _text(machine, f"{directory}/{name}", packed) for name, _, packed in pairs}
    return {name: text for name, text in found.items() if text.strip()}


def _text(machine: Host, path: str, packed: str) -> str:
    try:
        return base64.b64decode(packed).decode()
    except UnicodeDecodeError:  # whose text would show the secret
        raise WhisklabError(
            f"{machine.name}: {path}: the secret is no text: remove it there"
        ) from None
