"""An artifact is on a host whole or not at all, whatever becomes of its way; in a real shell."""

from __future__ import annotations

import gzip
import hashlib
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api.exceptions import PyinfraError

from tests.contract.resources.laptop import TOOL, Way, a_way, archived, artifact, plain
from tests.contract.test_base_operations import NOTHING, Outcome
from tests.contract.test_file_operations import run as run_here
from whisklab.engine.artifacts.entries import Artifact
from whisklab.engine.artifacts.fetching import Pushable, to_push
from whisklab.engine.resources import pushing
from whisklab.engine.resources.paths import UNFINISHED
from whisklab.engine.resources.placed import UNPACKED
from whisklab.engine.scripts import script

PATH, NEW = "/opt/it's/tool", f"/opt/it's/tool{UNFINISHED}"
MANY = 1 << 62  # bytes, which no file system has
WITHIN = 60  # seconds; what does not end is a failure and no wait without end


@pytest.fixture
def way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Way:
    """To a machine that has another tool."""
    made = a_way(tmp_path, monkeypatch)
    made.machine.put(PATH, "the old one").chmod(0o711)
    return made


@pytest.fixture(params=["plain", "packed already", "of an archive"])
def wanted(way: Way, tmp_path: Path, request: pytest.FixtureRequest) -> Artifact:
    """Each form in which an artifact goes its way."""
    if request.param == "of an archive":
        return archived(tmp_path)
    name = "tool" if request.param == "plain" else "tool.tar.gz"
    return plain(tmp_path, name, TOOL if request.param == "plain" else gzip.compress(TOOL))


def push(way: Way, wanted: Artifact, **more: Any) -> Outcome:
    return way.machine.run(pushing.pushed, artifact=wanted, path=PATH, **more)


def content(wanted: Artifact) -> bytes:
    data = Path(wanted.source.url.removeprefix("file://")).read_bytes()
    return TOOL if wanted.member else data


def as_before(way: Way, said: str, outcome: Outcome) -> None:
    """Expect a failure that says why, and the old tool alone."""
    (sentence,) = outcome.said
    assert outcome.failed
    assert f" could not be put at {PATH}: " in sentence
    assert said in sentence
    only_old(way)


def only_old(way: Way) -> None:
    old = way.machine.at(PATH)
    assert [each.name for each in old.parent.iterdir()] == [old.name]
    assert (old.read_bytes(), old.stat().st_mode & 0o777) == (b"the old one", 0o711)


@pytest.mark.parametrize("there", ["another", "nothing"])
def test_it_arrives_with_its_mode_and_is_then_left_alone(
    way: Way, wanted: Artifact, there: str
) -> None:
    path = way.machine.at(PATH)
    if there == "nothing":
        path.unlink()
        path.parent.rmdir()
    assert not push(way, wanted, mode="750").failed
    about = path.stat()
    assert (path.read_bytes(), about.st_mode & 0o7777) == (content(wanted), 0o750)
    assert (about.st_uid, about.st_gid, way.sent) == (0, 0, 1)
    assert [each.name for each in path.parent.iterdir()] == [path.name]
    before = way.machine.tree()
    assert push(way, wanted, mode="750") == NOTHING
    assert (way.machine.tree(), way.sent) == (before, 1)
    path.write_bytes(b"edited")
    assert not push(way, wanted, mode="750").failed
    assert (path.read_bytes(), way.sent) == (content(wanted), 2)


def test_a_member_is_known_by_its_archive_which_the_host_writes_down(
    way: Way, tmp_path: Path
) -> None:
    wanted = archived(tmp_path)
    assert not push(way, wanted).failed
    note = way.machine.at(f"{UNPACKED}/{PATH.replace('/', '_')}")
    assert note.read_text() == f"{hashlib.sha256(TOOL).hexdigest()} {wanted.source.sha256}\n"
    next_one = archived(tmp_path, TOOL + b"# and more\n")
    assert not push(way, next_one).failed
    assert way.machine.at(PATH).read_bytes().endswith(b"# and more\n")
    assert push(way, next_one) == NOTHING


def test_who_runs_the_old_one_keeps_it(way: Way, tmp_path: Path) -> None:
    with way.machine.at(PATH).open("rb") as running:
        assert not push(way, plain(tmp_path)).failed
        assert running.read() == b"the old one"


def test_mode_and_owner_alone_are_put_right_without_sending_it(way: Way, tmp_path: Path) -> None:
    wanted = plain(tmp_path)
    assert not push(way, wanted).failed
    way.machine.at(PATH).chmod(0o600)
    os.chown(way.machine.at(PATH), 1, 1)
    (tmp_path / "tool").unlink()
    outcome = push(way, wanted)
    assert outcome.yielded == [["chown", "0:0", PATH], ["chmod", "755", PATH]]
    assert (push(way, wanted), way.sent) == (NOTHING, 1)


# What may become of it on its way.


@pytest.mark.parametrize("share", [0.0, 0.5, 0.999])
def test_what_arrives_in_part_is_not_put_there(way: Way, wanted: Artifact, share: float) -> None:
    """A laptop that is gone: stdin ends, and the command goes on."""
    way.brings = lambda data: data[: int(len(data) * share)]
    # gzip sees the end that is missing; what is no archive on its way is known by its digest.
    packed = to_push(wanted).packed
    as_before(way, "unexpected end of file" if packed else "it arrived broken", push(way, wanted))
    way.brings = lambda data: data
    assert not push(way, wanted).failed
    assert way.machine.at(PATH).read_bytes() == content(wanted)


def other_bytes(data: bytes) -> bytes:
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def another_file(_: bytes) -> bytes:
    return gzip.compress(TOOL[1:])


@pytest.mark.parametrize("brings", [other_bytes, another_file])
def test_other_bytes_are_not_put_there(
    way: Way, wanted: Artifact, brings: Callable[[bytes], bytes]
) -> None:
    way.brings = brings
    whole = brings is another_file or not to_push(wanted).packed
    as_before(way, "it arrived broken" if whole else "", push(way, wanted))


def test_a_member_that_did_not_arrive_is_not_written_down(way: Way, tmp_path: Path) -> None:
    way.brings = another_file
    as_before(way, "it arrived broken", push(way, archived(tmp_path)))
    assert not way.machine.at(UNPACKED).exists()


def test_a_directory_in_its_place_is_said_and_stays(way: Way, wanted: Artifact) -> None:
    path = way.machine.at(PATH)
    path.unlink()
    path.mkdir()
    (path / "theirs").touch()
    before = way.machine.tree()
    outcome = push(way, wanted)
    assert outcome.failed
    assert outcome.said[0].endswith(f"could not be put at {PATH}: a directory is there")
    assert {each: what for each, what in way.machine.tree().items() if "/opt" in each} == {
        each: what for each, what in before.items() if "/opt" in each
    }


def test_where_there_is_no_room_nothing_is_written(way: Way, tmp_path: Path) -> None:
    wanted = plain(tmp_path)
    put = command(wanted, size=MANY)
    done = subprocess.run(
        [f"{tmp_path}/shell", "-c", put.get_raw_value()],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.startswith(f"{MANY >> 20} MB are needed, and ")
    assert done.stderr.endswith(" MB are free there: make room\n")
    only_old(way)


def test_a_disk_that_becomes_full_has_its_room_again(way: Way, tmp_path: Path) -> None:
    """Others write there, too, so the room that there was may be taken by now."""
    source = to_push(plain(tmp_path, data=TOOL * 99))
    put = command(plain(tmp_path, data=TOOL * 99), size=0)
    small = (
        'mount -t tmpfs -o size=64k none /opt && mkdir "/opt/it\'s" && echo old > "$0" || exit '
        '77; sh -c "$1"; code=$?; ls -A "${0%/*}"; cat "$0"; exit $code'
    )
    with source.path.open("rb") as stdin:
        done = subprocess.run(
            [f"{tmp_path}/shell", "-c", small, PATH, put.get_raw_value()],
            stdin=stdin, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "tool\nold\n")
    assert "No space left on device" in done.stderr


@pytest.fixture
def half_sent(way: Way, tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A push of which the host waits for the rest; a group of processes of its own."""
    wanted = plain(tmp_path)
    data = to_push(wanted).path.read_bytes()
    # (Who is started in the background by a shell has SIGINT ignored, and so have his children.)
    sending = subprocess.Popen(
        ["env", "--default-signal", f"{tmp_path}/shell", "-c",
         f"exec {command(wanted, packed=False).get_raw_value()}"],
        stdin=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert sending.stdin
    sending.stdin.write(data[:9])
    sending.stdin.flush()
    while not (there := way.machine.at(NEW)).exists() or there.stat().st_size != 9:
        assert sending.poll() is None
    yield sending
    sending.stdin.close()
    sending.wait(WITHIN)


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_host_that_is_shut_down_meanwhile_keeps_no_half(
    way: Way, half_sent: subprocess.Popen[bytes], by: signal.Signals
) -> None:
    """Each process of a session gets the signal."""
    subprocess.run(["kill", f"-{by.value}", "--", f"-{half_sent.pid}"], check=True)
    assert half_sent.wait(WITHIN) != 0
    only_old(way)


def test_what_a_power_cut_left_half_written_goes_with_the_next_push(
    way: Way, tmp_path: Path, half_sent: subprocess.Popen[bytes]
) -> None:
    subprocess.run(["kill", "-KILL", "--", f"-{half_sent.pid}"], check=True)
    assert half_sent.wait(WITHIN) != 0
    assert way.machine.at(PATH).read_bytes() == b"the old one"
    assert way.machine.at(NEW).exists()
    assert not push(way, artifact(tmp_path / "tool")).failed
    assert way.machine.at(PATH).read_bytes() == TOOL
    assert not way.machine.at(NEW).exists()


def command(wanted: Artifact, *, size: int = 0, packed: bool = True) -> Any:
    """Return the command of a push, as the host gets it; told that it is so large."""
    source: Pushable = to_push(wanted)
    how = "packed" if packed else "plain"
    return script(pushing._PUT, PATH, "755", source.sha256, how, "", UNPACKED, str(size))


def test_a_way_that_says_nothing_is_broken_and_one_that_is_no_ssh_is_none(
    way: Way, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    wanted = plain(tmp_path)
    monkeypatch.setattr(way, "stream", lambda *_: (False, " \n"))
    as_before(way, "the connection broke", push(way, wanted))
    monkeypatch.undo()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with pytest.raises(PyinfraError):
        run_here(pushing.pushed, artifact=wanted, path=str(tmp_path / "else"))
    assert "@local is not reached over SSH" in caplog.text
    assert not (tmp_path / "else").exists()


# Before it: onto the laptop.


def fetch(way: Way, wanted: Artifact) -> Outcome:
    return way.machine.run(pushing.fetched, artifact=wanted, path=PATH)


def test_what_a_host_lacks_is_made_ready_on_the_laptop_and_the_host_stays(
    way: Way, wanted: Artifact, tmp_path: Path
) -> None:
    outcome = fetch(way, wanted)
    assert (outcome.failed, len(outcome.yielded), way.sent) == (False, 1, 0)
    only_old(way)
    ready = to_push(wanted)
    for each in (tmp_path / "cache").rglob("*"):
        if each.is_file():
            each.chmod(0o400)
    assert ready.path.is_file()
    assert not push(way, wanted).failed
    assert fetch(way, wanted) == NOTHING


def test_a_plan_fetches_nothing_and_one_that_all_hosts_have_is_not_asked_for(
    way: Way, tmp_path: Path
) -> None:
    wanted = archived(tmp_path)
    assert not push(way, wanted).failed
    (tmp_path / "tool.tar.gz").unlink()
    assert fetch(way, wanted) == NOTHING
    gone = wanted.model_copy(update={"version": "2", "source": plain(tmp_path, data=b"2").source})
    (tmp_path / "tool").unlink()
    outcome = fetch(way, gone)
    assert outcome.failed
    assert outcome.said == [f"tool 2: {tmp_path}/tool is not there: build or copy it again"]
