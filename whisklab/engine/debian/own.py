"""Where a machine's own apt has the packages of its distribution, as lines of sources.list.

Only the distribution's archives: what others offer, and what is newer than a release (backports),
apt itself would not take unasked for what the platform needs.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from debian.deb822 import Deb822

from whisklab.engine.debian import sources

_RELEASE = "etc/os-release"
_LIST, _PARTS = "etc/apt/sources.list", "etc/apt/sources.list.d"
_BEYOND = re.compile(r".*-(backports|proposed)(-sloppy)?(/.*)?")
_OPTIONS = {"Architectures": "arch", "Check-Valid-Until": "check-valid-until"}


def lines(root: Path = Path("/")) -> dict[str, list[str]]:
    """Return the archives of a machine's own system, by the system; nothing where it has no apt.

    Args:
        root: of the machine's files.

    Returns:
        Such as {"debian-12": ["deb [signed-by=...] http://mirror.example/debian bookworm main"]}.
    """
    about = _about(root / _RELEASE)
    name = about.get("ID", "")
    system = f"{name}-{about.get('VERSION_ID', '')}"
    keyring = Path(f"usr/share/keyrings/{name}-archive-keyring.gpg")
    if not re.fullmatch(sources.SYSTEM, system) or not (root / keyring).is_file():
        return {}
    stated = [*_of_lists(root), *_of_parts(root)]
    found = [line for each in stated if (line := _of_distribution(each, f"/{keyring}"))]
    return {system: list(dict.fromkeys(found))} if found else {}


def _about(path: Path) -> dict[str, str]:
    pairs = [line.partition("=") for line in _text(path).splitlines()]
    return {key: value.strip("\"'") for key, _, value in pairs}


def _of_distribution(line: str, keyring: str) -> str | None:
    """Return a source as it is used here; None for what is not the distribution's release."""
    if "signed-by=" not in line and "trusted=" not in line:
        # As apt, which trusts the distribution's keys where a source names none.
        options, _, rest = line.removeprefix("deb ").rpartition("] ")
        line = (
            f"deb [{' '.join(filter(None, (options.strip('['), f'signed-by={keyring}')))}] {rest}"
        )
    try:
        found = sources.parsed(line)
    except ValueError:  # of a disc, with an account, with options that are not known here
        return None
    is_theirs = found.keyring is not None and found.keyring.name == Path(keyring).name
    return line if is_theirs and not _BEYOND.fullmatch(found.suite) else None


def _of_lists(root: Path) -> Iterator[str]:
    for path in (root / _LIST, *sorted((root / _PARTS).glob("*.list"))):
        for line in _text(path).splitlines():
            plain = " ".join(line.partition("#")[0].split())
            if plain.startswith("deb "):
                yield plain


def _of_parts(root: Path) -> Iterator[str]:
    for path in sorted((root / _PARTS).glob("*.sources")):
        for each in Deb822.iter_paragraphs(_text(path), use_apt_pkg=False):
            if "deb" in _words(each, "Types") and each.get("Enabled", "yes") != "no":
                yield from _stated(each)


def _stated(source: Deb822) -> Iterator[str]:
    """Yield a line for each address and suite of a source in deb822's form."""
    options = [f"{ours}={','.join(found)}" for key, ours in _OPTIONS.items()
               if (found := _words(source, key))]  # fmt: skip
    signed = _words(source, "Signed-By")
    if len(signed) > 1:  # the key itself
        return
    options += [f"signed-by={each}" for each in signed]
    stated = f"[{' '.join(options)}] " if options else ""
    for url in _words(source, "URIs"):
        for suite in _words(source, "Suites"):
            yield " ".join((f"deb {stated}{url}", suite, *_words(source, "Components")))


def _words(source: Deb822, key: str) -> Sequence[str]:
    words: Iterable[str] = source.get(key, "").split()
    return list(words)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
