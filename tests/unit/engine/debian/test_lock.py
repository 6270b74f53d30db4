"""The lock of packages on disk."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.engine.debian.packages import package
from whisklab.engine.debian.lock import PackageLock
from whisklab.errors import BadInput, WhisklabError

ODD = package("libstdc++6", "1:2.0+b~1", "libc6 (>= 2.36), a | b", "virtual (= 1)")


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    return tmp_path / "catalogue.yaml"


def test_what_was_locked_is_read_again(catalogue: Path) -> None:
    lock = PackageLock(catalogue)
    assert (lock.kinds, lock.has("debian-12", "amd64")) == ([], False)
    lock.add("debian-12", "amd64", [ODD, package("a")])
    lock.add("debian-12", "arm64", [package("a", "2")])
    again = PackageLock(catalogue)
    assert again.path.name == "catalogue.packages.lock.yaml"
    assert again.kinds == ["debian-12 amd64", "debian-12 arm64"]
    assert again.pool("debian-12", "amd64").packages == {"libstdc++6": ODD, "a": package("a")}
    assert again.pool("debian-12", "amd64").providing("virtual") == [ODD]
    assert again.pool("debian-13", "amd64").packages == {}
    assert again.path.stat().st_mode & 0o777 == 0o644
    text = again.path.read_text()
    again.add("debian-12", "amd64", [])
    assert again.path.read_text() == text


def test_what_another_run_has_locked_meanwhile_holds(catalogue: Path) -> None:
    mine, theirs = PackageLock(catalogue), PackageLock(catalogue)
    theirs.add("debian-12", "amd64", [package("a", "2"), package("c")])
    mine.add("debian-12", "amd64", [package("a", "1"), package("b")])
    for lock in (mine, PackageLock(catalogue)):
        found = lock.pool("debian-12", "amd64").packages
        assert {str(each) for each in found.values()} == {"a 2", "b 1", "c 1"}


def test_a_name_of_a_file_has_no_sign_that_needs_escaping() -> None:
    assert ODD.plain_name == f"libstdc__6-{ODD.sha256[:12]}.deb"
    assert ODD.url_at("http://a.example/debian/").endswith(
        "/debian/pool/libstdc%2B%2B6_2.0%2Bb~1_all.deb"
    )
    assert ODD.artifact.file_name == "libstdc++6_2.0+b~1_all.deb"


@pytest.mark.parametrize(
    "text",
    [
        "- a\n", "debian-12: 1\n", "debian-12: {amd64: {a: {version: '1'}}}\n", "{", "\xff: [",
        "debian-12: {amd64: {a: {version: '1', source: 'http://a', file: a.deb, size: 1}}}\n",
    ],
)  # fmt: skip
def test_what_is_no_lock(catalogue: Path, text: str) -> None:
    path = PackageLock(catalogue).path
    path.write_text(text)
    with pytest.raises(BadInput, match="is no lock of packages"):
        PackageLock(catalogue)


@pytest.mark.parametrize("field", ["version", "source", "file", "size", "sha256", "depends"])
def test_each_field_is_looked_at(catalogue: Path, field: str) -> None:
    lock = PackageLock(catalogue)
    lock.add("debian-12", "amd64", [ODD])
    lines = lock.path.read_text().splitlines(keepends=True)
    (line,) = [each for each in lines if each.strip().startswith(f"{field}:")]
    lock.path.write_text("".join(lines).replace(line, f"{line.partition(':')[0]}: '?( '\n"))
    with pytest.raises(BadInput, match="is no lock of packages"):
        PackageLock(catalogue)


def test_a_lock_that_cannot_be_written(catalogue: Path) -> None:
    lock = PackageLock(catalogue.parent / "nowhere" / "catalogue.yaml")
    with pytest.raises(WhisklabError, match="cannot be written"):
        lock.add("debian-12", "amd64", [ODD])
