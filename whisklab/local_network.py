"""How macOS keeps a program from the computer's own network: as if there were no way to a host."""

from __future__ import annotations

import errno
import sys

REFUSED = (
    "macOS lets this program not reach the local network: allow it in System Settings, Privacy & "
    "Security, Local Network"
)
_SAID = "No route to host"


def is_refused(number: int | None, said: str = "") -> bool:
    """Tell whether an error may be that, by its number or its words."""
    return sys.platform == "darwin" and (number == errno.EHOSTUNREACH or _SAID in said)
