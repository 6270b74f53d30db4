"""Where a machine's apt has its distribution: each form that apt reads, and nobody else's."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from whisklab.engine.debian import own
from whisklab.engine.debian.sources import parsed

DEBIAN, UBUNTU = "usr/share/keyrings/{}-archive-keyring.gpg".format, "ubuntu-24.04"
RELEASE = 'PRETTY_NAME="some"\nID={}\nVERSION_ID="{}"\n'.format
URL = "http://mirror.example/debian"
SIGNED = f"[signed-by=/{DEBIAN('debian')}]"
STATED = f"""# a note
Types: deb deb-src
URIs: {URL} {URL}-two
Suites: bookworm bookworm-updates
Components: main contrib
Architectures: amd64 arm64
Signed-By: /{DEBIAN("debian")}
"""


def machine(
    root: Path, files: Mapping[str, str], name: str = "debian", version: str = "12"
) -> Path:
    """Make the files of a machine that has its distribution's keys."""
    every = {"etc/os-release": RELEASE(name, version), DEBIAN(name): "", **files}
    for path, text in every.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


@pytest.mark.parametrize(
    ("line", "found"),
    [
        (f"deb {URL} bookworm main", f"deb {SIGNED} {URL} bookworm main"),
        (f"  deb   {URL}  bookworm main # ours", f"deb {SIGNED} {URL} bookworm main"),
        (f"deb {SIGNED} {URL} bookworm main", f"deb {SIGNED} {URL} bookworm main"),
        (f"deb [arch=amd64] {URL} bookworm main",
         f"deb [arch=amd64 signed-by=/{DEBIAN('debian')}] {URL} bookworm main"),
        (f"deb {URL} bookworm-security main", f"deb {SIGNED} {URL} bookworm-security main"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("path", ["etc/apt/sources.list", "etc/apt/sources.list.d/a.list"])
def test_a_line(tmp_path: Path, path: str, line: str, found: str) -> None:
    assert own.lines(machine(tmp_path, {path: f"{line}\n"})) == {"debian-12": [found]}
    parsed(found)


@pytest.mark.parametrize(
    "line",
    [
        f"# deb {URL} bookworm main",
        f"deb-src {URL} bookworm main",
        f"deb {URL} bookworm-backports main",
        f"deb {URL} bookworm-backports-sloppy main",
        f"deb {URL} bookworm-proposed main",
        f"deb [signed-by=/etc/apt/keyrings/theirs.gpg] {URL} bookworm main",
        f"deb [trusted=yes] {URL} bookworm main",
        f"deb [target=other] {URL} bookworm main",
        "deb cdrom:[Debian]/ bookworm main",
        "deb file:/srv/debian bookworm main",
        "deb http://me:secret@mirror.example/debian bookworm main",
        "deb",
    ],
)
def test_what_is_not_the_release_of_the_distribution(tmp_path: Path, line: str) -> None:
    assert own.lines(machine(tmp_path, {"etc/apt/sources.list": f"{line}\n"})) == {}


def test_the_other_form(tmp_path: Path) -> None:
    found = own.lines(machine(tmp_path, {"etc/apt/sources.list.d/debian.sources": STATED}))
    options = f"[arch=amd64,arm64 signed-by=/{DEBIAN('debian')}]"
    assert found == {
        "debian-12": [
            f"deb {options} {url} {suite} main contrib"
            for url in (URL, f"{URL}-two")
            for suite in ("bookworm", "bookworm-updates")
        ]
    }


@pytest.mark.parametrize(
    ("mine", "other"),
    [
        ("Types: deb deb-src", "Types: deb-src"),
        ("# a note", "Enabled: no"),
        (f"Signed-By: /{DEBIAN('debian')}", "Signed-By: /etc/apt/keyrings/theirs.gpg"),
        (f"Signed-By: /{DEBIAN('debian')}", "Signed-By:\n -----BEGIN PGP KEY-----\n ."),
        (f"URIs: {URL} {URL}-two", "URIs: file:/srv/debian"),
        ("Suites: bookworm bookworm-updates", "Suites: bookworm-backports"),
    ],
)  # fmt: skip
def test_what_the_other_form_says_of_others(tmp_path: Path, mine: str, other: str) -> None:
    text = STATED.replace(mine, other)
    assert text != STATED
    assert own.lines(machine(tmp_path, {"etc/apt/sources.list.d/a.sources": text})) == {}


def test_another_distribution(tmp_path: Path) -> None:
    files = {"etc/apt/sources.list": "deb http://mirror.example/ubuntu noble main\n"}
    line = f"deb [signed-by=/{DEBIAN('ubuntu')}] http://mirror.example/ubuntu noble main"
    assert own.lines(machine(tmp_path, files, "ubuntu", "24.04")) == {UBUNTU: [line]}


@pytest.mark.parametrize("lacking", ["etc/os-release", DEBIAN("debian"), "etc/apt/sources.list"])
def test_what_lacks(tmp_path: Path, lacking: str) -> None:
    root = machine(tmp_path, {"etc/apt/sources.list": f"deb {URL} bookworm main\n"})
    assert own.lines(root)
    (root / lacking).unlink()
    assert own.lines(root) == {}
