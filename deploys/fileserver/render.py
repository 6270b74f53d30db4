"""The unit of the file server, as pure functions. Paths and names stand here, once."""

from __future__ import annotations

import hashlib
import ipaddress
from pathlib import Path

from whisklab.engine.resources.paths import written
from whisklab.engine.resources.units import recorder
from whisklab.engine.templates import rendered

SERVICE = "whisklab-files"
UNIT = f"/etc/systemd/system/{SERVICE}.service"
DIRECTORY = "/var/lib/whisklab/files"
PACKAGES = ("curl", "python3")  # the server is Python's own; curl asks whether it answers
_TEMPLATES = Path(__file__).parent / "templates"


def unit(address: str, port: int) -> str:
    """Return the systemd unit.

    Args:
        address: where it listens.
        port: of it.
    """
    return rendered(
        _TEMPLATES / f"{SERVICE}.service.j2",
        address=address,
        port=port,
        directory=DIRECTORY,
        recorder=recorder(SERVICE, [UNIT]),
    )


def wish(content: str) -> dict[str, str]:
    """Return what the process must have started from: path to SHA-256."""
    return {UNIT: hashlib.sha256(written(content).encode()).hexdigest()}


def url(address: str, port: int) -> str:
    """Return the URL of its top directory, without a slash at the end."""
    v6 = ipaddress.ip_address(address).version == 6  # noqa: PLR2004
    return f"http://{f'[{address}]' if v6 else address}:{port}"


def path(name: str) -> str:
    """Return where a file lies on the host, by its name below the URL."""
    return f"{DIRECTORY}/{name}"
