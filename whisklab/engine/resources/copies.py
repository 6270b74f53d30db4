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

_LOOK = 'for f in "$1"/*; do if test -f "$f"; then echo "${f##*/} $(base64 -w0 < "$f")"; fi; done'


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

    Raises:
        WhisklabError: the machine cannot be asked.
    """
    if machine not in ctx_state.get().inventory.get_active_hosts():
        try:  # a run limited to other machines has not connected to it
            machine.connect(reason="for its secrets", show_errors=False, raise_exceptions=True)
        except ConnectError as error:
            raise WhisklabError(str(error)) from error
    lines = run_quietly(machine, script(_LOOK, directory)).splitlines()
    pairs = (line.split() for line in lines)
    return {name: base64.b64decode(text).decode() for name, text in pairs}
