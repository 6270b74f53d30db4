"""What a catalogue's URL says by itself: nothing is asked for it. Pure.

Apart from `sources` and `downloads`, which take as long to import as all of pydantic: a run that
has everything in its cache needs neither.
"""

from __future__ import annotations

import ipaddress
from pathlib import PurePosixPath
from urllib.parse import unquote, urldefrag, urlparse


def is_plain(url: str) -> bool:
    """Tell whether `url` is the file itself."""
    return not url.startswith("oci") and not urldefrag(url).fragment


def file_name(url: str) -> str:
    """Return the name of the file behind `url`."""
    name = PurePosixPath(unquote(urlparse(url).path)).name
    return name if is_plain(url) else f"{urldefrag(url).fragment or name.replace(':', '-')}.tgz"


def wrong_checksum(what: str, url: str, wanted: str | None, found: str) -> str:
    """Return the sentence about a file that is not what it must be."""
    return (
        f"{what}: the file from {url} has the SHA-256 {found}, the catalogue says {wanted}: "
        "it was not installed; mend the source or the catalogue"
    )


def bracketed(host: str) -> str:
    """Return a name or address as it stands before a port: an IPv6 address in brackets."""
    try:
        return f"[{ipaddress.IPv6Address(host)}]"
    except ValueError:
        return host
