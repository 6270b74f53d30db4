"""A host keeps a copy of what was pushed, and what was taken off it comes back from there."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.contract.resources.laptop import TOOL, Way, a_way, archived, plain
from tests.contract.test_base_operations import NOTHING, Outcome
from whisklab.engine.artifacts.entries import Artifact
from whisklab.engine.resources import kept, pushing, room

# In the file system of the copies, and in another one, where there are no hard links to it.
NEAR, FAR = "/var/lib/rancher/it's/tool", "/opt/it's/tool"


@pytest.fixture
def way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Way:
    made = a_way(tmp_path, monkeypatch)
    made.machine.stub("sudo", 'while test "${1#-}" != "$1"; do shift; done; exec "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    return made


@pytest.fixture(params=["plain", "packed already", "of an archive"])
def wanted(way: Way, tmp_path: Path, request: pytest.FixtureRequest) -> Artifact:
    """Each form in which an artifact goes its way."""
    if request.param == "of an archive":
        return archived(tmp_path)
    name = "tool" if request.param == "plain" else "tool.tar.gz"
    return plain(tmp_path, name, TOOL if request.param == "plain" else gzip.compress(TOOL))


@pytest.fixture(params=[NEAR, FAR], ids=["near", "far"])
def path(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


def push(way: Way, wanted: Artifact, path: str, **more: Any) -> Outcome:
    given = {"artifact": wanted, "path": path, "mode": "750", "keep": True, **more}
    return way.machine.run(pushing.pushed, **given)


def copy_of(way: Way, path: str) -> Path:
    return way.machine.at(f"{kept.KEPT}/{path.replace('/', '_')}")


def taken_off(way: Way, path: str) -> bytes:
    """Take away what was pushed, as others' scripts do; returns what it was."""
    there = way.machine.at(path)
    data = there.read_bytes()
    there.unlink()
    there.parent.rmdir()
    return data


def test_what_was_taken_off_comes_back_and_nothing_is_sent_or_fetched(
    way: Way, tmp_path: Path, wanted: Artifact, path: str
) -> None:
    assert not push(way, wanted, path).failed
    there, copy = way.machine.at(path), copy_of(way, path)
    assert there.samefile(copy) == (path == NEAR)
    data = taken_off(way, path)
    source = Path(wanted.source.url.removeprefix("file://"))
    source.rename(tmp_path / "gone")  # nor is it on the laptop
    if (tmp_path / "cache").exists():
        (tmp_path / "cache").rename(tmp_path / "cache.gone")
    given = {"artifact": wanted, "path": path}
    assert way.machine.run(pushing.fetched, **given, keep=True) == NOTHING
    outcome = push(way, wanted, path)
    assert (outcome.failed, way.sent) == (False, 1), outcome.said
    assert "this machine has kept a copy" in str(outcome.why)
    about = there.stat()
    assert (there.read_bytes(), about.st_mode & 0o7777) == (data, 0o750)
    assert (about.st_uid, about.st_gid) == (0, 0)
    assert [each.name for each in there.parent.iterdir()] == ["tool"]
    assert push(way, wanted, path) == NOTHING


def edited_in_place(way: Way, path: str, copy: Path) -> None:
    copy.write_bytes(b"edited")


def in_half(way: Way, path: str, copy: Path) -> None:
    data = copy.read_bytes()
    copy.write_bytes(data[: len(data) // 2])


def a_link(way: Way, path: str, copy: Path) -> None:
    copy.rename(copy.with_name("other"))
    copy.symlink_to("other")


def a_directory(way: Way, path: str, copy: Path) -> None:
    copy.unlink()
    copy.mkdir()
    (copy / "theirs").touch()


def gone(way: Way, path: str, copy: Path) -> None:
    copy.unlink()


@pytest.mark.parametrize("harm", [edited_in_place, in_half, a_link, a_directory, gone])
def test_a_copy_that_is_not_the_artifact_is_not_used(
    way: Way, wanted: Artifact, path: str, harm: Callable[[Way, str, Path], None]
) -> None:
    assert not push(way, wanted, path).failed
    data = taken_off(way, path)
    harm(way, path, copy_of(way, path))
    outcome = push(way, wanted, path)
    assert (outcome.failed, way.sent) == (False, 2), outcome.said
    assert "kept" not in str(outcome.why)
    assert way.machine.at(path).read_bytes() == data
    theirs = harm is a_directory  # nobody removes what somebody has put there
    assert (copy_of(way, path) / "theirs").exists() is theirs
    taken_off(way, path)
    assert not push(way, wanted, path).failed
    assert way.sent == 2 + theirs


def test_a_file_that_was_edited_in_place_is_sent_though_its_copy_is_the_same_one(
    way: Way, wanted: Artifact
) -> None:
    assert not push(way, wanted, NEAR).failed
    with way.machine.at(NEAR).open("r+b") as file:
        file.write(b"edited")
    assert copy_of(way, NEAR).read_bytes().startswith(b"edited")
    assert not push(way, wanted, NEAR).failed
    assert way.sent == 2
    assert push(way, wanted, NEAR) == NOTHING


def test_a_newer_one_takes_the_place_of_the_copy(way: Way, tmp_path: Path, path: str) -> None:
    assert not push(way, plain(tmp_path, "old", TOOL), path).failed
    newer = plain(tmp_path, "new", TOOL + b"# and more\n")
    assert not push(way, newer, path).failed
    directory = copy_of(way, path).parent
    assert [each.name for each in directory.iterdir()] == [path.replace("/", "_")]
    assert directory.stat().st_mode & 0o777 == 0o700
    assert taken_off(way, path).endswith(b"# and more\n")
    assert not push(way, newer, path).failed
    assert way.sent == 2


def test_nothing_is_kept_of_what_is_not_to_be(way: Way, wanted: Artifact) -> None:
    assert not push(way, wanted, NEAR, keep=False).failed
    assert not way.machine.at(kept.KEPT).exists()


@pytest.mark.parametrize("broken", ["mkdir", "ln", "cp"])
def test_where_it_cannot_be_kept_the_push_is_as_good(
    way: Way, wanted: Artifact, broken: str
) -> None:
    way.machine.at(NEAR).parent.mkdir(parents=True)
    of_copies = 'case $* in *kept*) exit 1; esac; PATH=/usr/bin:/bin exec "${0##*/}" "$@"'
    way.machine.stub(broken, of_copies)
    if broken == "cp":
        way.machine.stub("ln", "exit 1")
    assert not push(way, wanted, NEAR).failed
    assert push(way, wanted, NEAR) == NOTHING
    left = sorted(way.machine.at("/var/lib/whisklab").glob("kept/*"))
    assert left == ([copy_of(way, NEAR)] if broken == "ln" else [])


def test_a_kept_one_needs_no_room(
    way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = plain(tmp_path)
    assert not push(way, wanted, NEAR).failed
    taken_off(way, NEAR)
    monkeypatch.setattr(room, "size", lambda _: 1 << 62)
    files = [(wanted, NEAR)]
    assert way.machine.run(room.room, files=files, keep=[NEAR]) == NOTHING
    assert way.machine.run(room.room, files=files).failed
    there = room.FreeSpace.process
    monkeypatch.setattr(  # the copies are on a disk of their own
        room.FreeSpace, "process",
        lambda self, output: there(self, output) | {kept.KEPT: room.Space("another", 1 << 63)},
    )  # fmt: skip
    assert way.machine.run(room.room, files=files, keep=[NEAR]).failed


def test_what_is_no_longer_wanted_goes_with_its_copy(way: Way, wanted: Artifact, path: str) -> None:
    assert way.machine.run(pushing.gone, path=path) == NOTHING
    assert not push(way, wanted, path).failed
    assert not push(way, wanted, f"{path}-2").failed
    assert not way.machine.run(pushing.gone, path=path).failed
    assert not way.machine.at(path).exists()
    assert not copy_of(way, path).exists()
    assert way.machine.at(f"{path}-2").exists()
    assert copy_of(way, f"{path}-2").exists()
    assert way.machine.run(pushing.gone, path=path) == NOTHING
