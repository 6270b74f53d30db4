"""Archives of packages, as apt's one-line sources name them (sources.list(5)). Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

SYSTEM = r"[a-z][a-z0-9-]*-[0-9][0-9.]*"  # ID and VERSION_ID of os-release, such as debian-12
_LINE = re.compile(
    r"deb(?:\s+\[(?P<options>[^\]]*)\])?\s+(?P<url>\S+)\s+(?P<suite>\S+)(?P<rest>.*)"
)
# Without an account: a password could only stand in the address, where everybody reads it.
_URL = re.compile(r"https?://[^\s/@'\"]+(?:/[^\s@'\"]*)?")
_OPTIONS = ("arch", "check-valid-until", "signed-by", "trusted")
_YES, _NO = "yes", "no"


@dataclass(frozen=True)
class Archive:
    """An archive, and some of what is in it.

    Attributes:
        url: of it.
        suite: such as bookworm; ends in / for one without components.
        components: such as main.
        keyring: of who may have signed it; None where it is trusted without a signature.
        architectures: for which it is asked; () for all.
        may_be_old: whether its own date of expiry does not count, as for a dated snapshot.
    """

    url: str
    suite: str
    components: tuple[str, ...]
    keyring: Path | None = None
    architectures: tuple[str, ...] = ()
    may_be_old: bool = False

    def __str__(self) -> str:
        """Name it as people do."""
        return f"{self.url} {self.suite}"

    def has(self, architecture: str) -> bool:
        """Tell whether it is asked for an architecture."""
        return not self.architectures or architecture in self.architectures


def parsed(line: str) -> Archive:
    """Return the archive that a line names.

    Raises:
        ValueError: it is none, or nothing says whom to trust.
    """
    found = _LINE.fullmatch(line.strip())
    if found is None or not _URL.fullmatch(found["url"]):
        raise ValueError(
            "expected a source such as deb [signed-by=/usr/share/keyrings/a.gpg] "
            "http://archive.example/debian bookworm main"
        )
    options = _options(found["options"] or "")
    components = tuple(found["rest"].split())
    if found["suite"].endswith("/") == bool(components):
        raise ValueError("expected components such as main, or a suite that ends in / and none")
    trusted, keyring = options.get("trusted") == _YES, options.get("signed-by")
    if not trusted and not keyring:
        raise ValueError("expected signed-by=KEYRING, or trusted=yes for one that nobody signs")
    return Archive(
        url=found["url"].rstrip("/"),
        suite=found["suite"],
        components=components,
        keyring=None if trusted else Path(str(keyring)),
        architectures=tuple(filter(None, options.get("arch", "").split(","))),
        may_be_old=options.get("check-valid-until") == _NO,
    )


def _options(text: str) -> dict[str, str]:
    pairs = [word.partition("=") for word in text.split()]
    for key, _, value in pairs:
        if key not in _OPTIONS or not value:
            raise ValueError(f"expected options of {', '.join(_OPTIONS)}, not {key}")
    return {key: value for key, _, value in pairs}
