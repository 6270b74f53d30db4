"""Lines of apt's sources: what is understood, and what nobody would be trusted by."""

from __future__ import annotations

from pathlib import Path

import pytest

from whisklab.engine.debian.sources import Archive, parsed

KEYS = Path("/usr/share/keyrings/a.gpg")
URL = "http://archive.example/debian"


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"deb [signed-by={KEYS}] {URL}/ bookworm main contrib",
         Archive(URL, "bookworm", ("main", "contrib"), KEYS)),
        (f"deb [trusted=yes] {URL} ./", Archive(URL, "./", ())),
        (f"  deb [ arch=amd64,arm64  signed-by={KEYS} ] {URL} a/updates main",
         Archive(URL, "a/updates", ("main",), KEYS, ("amd64", "arm64"))),
        (f"deb [check-valid-until=no signed-by={KEYS}] {URL} a main",
         Archive(URL, "a", ("main",), KEYS, (), may_be_old=True)),
    ],
)  # fmt: skip
def test_a_line(line: str, found: Archive) -> None:
    assert parsed(line) == found


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"deb {URL} bookworm main", "expected signed-by"),
        (f"deb [trusted=no] {URL} bookworm main", "expected signed-by"),
        (f"deb [trusted=yes] {URL} bookworm", "expected components"),
        (f"deb [trusted=yes] {URL} ./ main", "expected components"),
        (f"deb-src [trusted=yes] {URL} a main", "expected a source"),
        ("deb [trusted=yes] file:/srv a main", "expected a source"),
        ("deb [trusted=yes] http://me:secret@archive.example a main", "expected a source"),
        (f"deb [lang=de trusted=yes] {URL} a main", "not lang"),
        ("", "expected a source"),
    ],
)
def test_what_is_no_source(line: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parsed(line)
