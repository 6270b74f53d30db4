"""What libvirt has of a lab, and Vagrant knows no more: .vagrant was removed, or `up` killed."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable

from whisklab.errors import BadInput, WhisklabError
from whisklab.lab.common.ended import run

_WITHIN = 20.0  # seconds


def _connection() -> str:
    """Where Vagrant's plugin finds libvirt; virsh itself would look for the user's own one."""
    return os.environ.get("LIBVIRT_DEFAULT_URI") or "qemu:///system"


def there() -> frozenset[str]:
    """Return the names of all machines that libvirt has; none where it cannot be asked."""
    argv = ["virsh", "--connect", _connection(), "list", "--all", "--name"]
    try:
        ended = run(argv, _WITHIN, missing="it comes with libvirt (Debian: libvirt-clients)")
    except WhisklabError:
        return frozenset()  # Vagrant's own words are better ones
    return frozenset(ended.out.split()) if ended.code == 0 else frozenset()


def remedy(name: str) -> str:
    """What removes a machine from libvirt by hand."""
    virsh = f"virsh --connect {_connection()}"
    return f"`{virsh} destroy {name}` if it runs, `{virsh} undefine {name} --remove-all-storage`"


def refuse_left(names: Iterable[str], known: Collection[str], found: Collection[str]) -> None:
    """Refuse machines of these names that Vagrant does not know; other names are others'. Pure.

    Args:
        names: that machines of the lab have in libvirt.
        known: those that Vagrant knows.
        found: those that libvirt has.

    Raises:
        BadInput: names them, and what removes one; nothing here does.
    """
    left = [name for name in names if name in found and name not in known]
    if left:
        raise BadInput(
            f"{', '.join(left)}: libvirt has {'it' if len(left) == 1 else 'them'}, and Vagrant "
            f"knows no such machine (its .vagrant was removed?): {remedy(left[0])}; or give the "
            "lab another name"
        )
