"""What has no room on a host is refused before the first change; a real shell, given disks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.contract.resources.laptop import Way, a_way, artifact, plain
from tests.contract.test_base_operations import NOTHING, Outcome, refused
from whisklab.engine.artifacts.entries import Artifact, Source
from whisklab.engine.resources import room

TOOL, IMAGES, MORE = "/opt/it's/tool", "/var/lib/images/a.tar", "/var/lib/images/b.tar"
MB = room.MB
# Two file systems: of each, a number, and how many MB are free there.
STAT = """case "$*" in
"-c %d /opt"*) echo 1;;
"-c %d /var/lib"*) echo 2;;
"-f -c %f %S /opt"*) echo "$(cat "$root/free1") 1048576";;
"-f -c %f %S /var/lib"*) echo "$(cat "$root/free2") 1048576";;
*) exec /usr/bin/stat "$@";;
esac"""


@pytest.fixture
def way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Way:
    """To a bare machine with 5 MB in each of two places."""
    made = a_way(tmp_path, monkeypatch)
    made.machine.stub("stat", STAT)
    disks(made, 5, 5)
    return made


def disks(way: Way, first: int, second: int) -> None:
    for number, free in enumerate((first, second), 1):
        (way.machine.root / f"free{number}").write_text(str(free))


@pytest.fixture
def files(tmp_path: Path) -> list[tuple[Artifact, str]]:
    """Five MB for one place, and for the other one."""
    return [(plain(tmp_path, name, name.encode() * (size * MB)), path)
            for name, size, path in (("t", 5, TOOL), ("a", 2, IMAGES), ("b", 3, MORE))]  # fmt: skip


def look(way: Way, files: Any) -> Outcome:
    """Nothing is ever written for it."""
    before = way.machine.tree()
    outcome = way.machine.run(room.room, files=files)
    assert way.machine.tree() == before
    return outcome


def test_where_all_have_room_nothing_is_to_be_done(way: Way, files: Any) -> None:
    assert look(way, files) == NOTHING
    assert look(way, []) == NOTHING


@pytest.mark.parametrize(("first", "second", "said"), [
    (4, 5, [f"{TOOL} (tool 1 (t)): 5 MB are needed, and 4 MB"]),
    (5, 4, [f"{IMAGES} (tool 1 (a)), {MORE} (tool 1 (b)): 5 MB are needed, and 4 MB"]),
    (0, 0, [f"{TOOL} (tool 1 (t)): 5 MB are needed, and 0 MB",
            f"{IMAGES} (tool 1 (a)), {MORE} (tool 1 (b)): 5 MB are needed, and 0 MB"]),
])  # fmt: skip
def test_what_has_none_is_said_in_the_plan_and_fails_the_run(
    way: Way, files: Any, first: int, second: int, said: list[str]
) -> None:
    disks(way, first, second)
    sentences = [f"{each} are free there: make room, and run again" for each in said]
    outcome = look(way, files)
    assert (outcome.failed, outcome.yielded) == (True, [["fail"]])
    assert outcome.said == sentences * 2


def test_what_is_there_needs_none(way: Way, files: Any) -> None:
    for wanted, path in files[1:]:
        data = Path(wanted.source.url.removeprefix("file://")).read_bytes()
        way.machine.put(path, "").write_bytes(data)
    disks(way, 5, 0)
    assert look(way, files) == NOTHING
    way.machine.at(IMAGES).write_text("edited")
    (sentence, _) = look(way, files).said
    assert sentence.startswith(f"{IMAGES} (tool 1 (a)): 2 MB are needed, and 0 MB are free there")


def test_what_the_laptop_has_not_yet_has_no_size_and_no_disk_is_asked(way: Way, files: Any) -> None:
    disks(way, 0, 0)
    source = Source(url="https://example.org/t", sha256="0" * 64)
    later = files[0][0].model_copy(update={"source": source})
    assert look(way, [(later, TOOL)]) == NOTHING


@pytest.mark.parametrize("text", ["", "lots of it", "-1 4096", "1 2 x"])
def test_a_disk_whose_answer_is_not_understood_fails_the_machine(
    way: Way, tmp_path: Path, text: str
) -> None:
    way.machine.stub("stat", f'case "$1" in -f) echo {text!r};; *) exec /usr/bin/stat "$@";; esac')
    refused(way.machine, "FreeSpace", room.room, files=[(artifact(tmp_path / "free1"), TOOL)])
