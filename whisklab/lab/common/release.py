"""The distribution and the release of this computer."""

from __future__ import annotations

from dataclasses import dataclass

from whisklab.errors import WhisklabError


@dataclass(frozen=True)
class Release:
    """A distribution's release, from /etc/os-release."""

    distribution: str
    codename: str


def parse_os_release(text: str) -> Release:
    """Read /etc/os-release.

    Raises:
        WhisklabError: the machine is neither Debian nor Ubuntu.
    """
    pairs = (line.partition("=") for line in text.splitlines() if "=" in line)
    values = {key: value.strip("\"'") for key, _, value in pairs}
    release = Release(values.get("ID", ""), values.get("VERSION_CODENAME", ""))
    if release.distribution not in {"debian", "ubuntu"} or not release.codename:
        name = values.get("PRETTY_NAME", "this system")
        raise WhisklabError(
            f"the embedded lab makes its hosts with Debian's or Ubuntu's tools, and {name} is"
            " neither; deploy to machines you have instead (inventories/example.py)"
        )
    return release
