"""What Multipass's program is asked, how long, and what its failures are told as."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from tests.unit.lab.multipass.rig import Lab, Program, Time
from whisklab.errors import BadInput, WhisklabError
from whisklab.lab.common.ended import Ended, Late, run
from whisklab.lab.providers.multipass.client import Client, Launch
from whisklab.lab.providers.multipass.failures import Failed, SlowStart, Taken, failure

LAUNCH = ["launch", "24.40", "--name", "fern-master", "--cloud-init", "-"]


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return Program(tmp_path)


def client(program: Program, clock: Time | None = None) -> Client:
    """A client that runs the double as a program."""

    def double(
        arguments: Sequence[str], stdin: str, within: float, _unwanted: Callable[[], bool]
    ) -> Ended:
        return run([str(program.path), *arguments], within, missing="install it", stdin=stdin)

    return Client(double, clock or Time())


_ERRORS = "The following errors occurred:\n"
_IMAGE = "below minimum for this image (3758096384 bytes)"
_SOCKET = "cannot connect to the multipass socket\nPlease ensure multipassd is running"
_UNKNOWN = "Instance 'fern-worker1' is already running, but in an unknown state."


@pytest.mark.parametrize(
    ("arguments", "said", "kind", "sentence"),
    [
        (LAUNCH, f"{_ERRORS}timed out waiting for initialization to complete", SlowStart,
         "fern-master: Multipass did not wait for it to the end"),
        (LAUNCH, f"{_ERRORS}fern-master: timed out waiting for response", SlowStart,
         "fern-master: Multipass did not wait for it to the end"),
        (LAUNCH, 'instance "fern-master" already exists', Taken,
         "fern-master: there is an instance of this name"),
        (LAUNCH, 'Unable to find an image matching "24.40" in remote "".', Failed,
         "fern-master: Multipass has no image '24.40': `multipass find`"),
        (LAUNCH, 'Remote "" is unknown or unreachable.', Failed,
         "fern-master: Multipass's daemon reaches no server of images: .*'24.40' names no image"),
        (LAUNCH, f"Available disk (1610612736 bytes) {_IMAGE}", Failed,
         "fern-master: the disk .* is full: 1536 MB are free, and the image needs 3584 MB"),
        (LAUNCH, f"Requested disk (1073741824 bytes) {_IMAGE}", Failed,
         "fern-master: its disk is too small .*`disk: 4G` or more"),
        (["start", "fern-worker1"], f"{_ERRORS}{_UNKNOWN}\nTry to stop it first.", Failed,
         "fern-worker1: Multipass says: .* Try to stop it first"),
        (["stop", "fern-storage"], "Cannot stop suspended instance. Use --force to override.",
         Failed, "fern-storage: Multipass says: .*Cannot stop suspended"),
        (["set", "local.fern-master.disk=20G"], "Disk can only be expanded", Failed,
         "multipass set: a disk can only grow"),
        (["list", "--format", "json"], "IP not available", Failed,
         "multipass list: Multipass says: list failed: IP not available"),
        (["list", "--format", "json"], _SOCKET, Failed,
         "multipass list: Multipass's daemon does not answer: look at it .*it continues"),
        (["snapshot", "fern-master", "--name", "x"], "Socket closed", Failed,
         "fern-master: Multipass's daemon does not answer"),
        (["list"], "multipass socket access denied", Failed,
         "multipass list: Multipass refuses this user its socket: join the group"),
        (["stop", "--cancel", "x"], "", Failed, "x: Multipass says: stop failed:"),
    ],
)  # fmt: skip
def test_a_failure_is_a_sentence(
    arguments: list[str], said: str, kind: type[Failed], sentence: str
) -> None:
    found = failure(arguments, f"{arguments[0]} failed: {said}")
    assert type(found) is kind
    assert found.said.endswith(said)
    assert "\n" not in str(found)
    with pytest.raises(kind, match=f"^{sentence}"):
        raise found


def test_a_proxy_of_the_shell_is_not_the_daemons(monkeypatch: pytest.MonkeyPatch) -> None:
    said = 'launch failed: Remote "" is unknown or unreachable.'
    for name in [each for each in os.environ if each.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    assert "of this shell" not in str(failure(LAUNCH, said))
    monkeypatch.setenv("HTTPS_PROXY", "http://10.0.0.1:3128")
    assert "(HTTPS_PROXY of this shell is not the daemon's)" in str(failure(LAUNCH, said))


def test_the_program_is_there_or_named(program: Program) -> None:
    assert client(program).list() == {}
    program.path.unlink()
    with pytest.raises(BadInput, match="has no program .*: install it"):
        client(program).list()


def test_a_daemon_that_starts_is_waited_for_and_only_a_minute(program: Program) -> None:
    text = "list failed: cannot connect to the multipass socket"
    program.fault("list", text, times=2)
    clock = Time()
    assert client(program, clock).list() == {}
    assert clock.seconds == 4
    program.fault("list", text, times=99)
    with pytest.raises(Failed, match="daemon does not answer"):
        client(program, clock).list()
    assert 60 <= clock.seconds <= 70


def test_who_is_refused_is_told_at_once(fern: Lab) -> None:
    fern.program.fault("list", "list failed: multipass socket access denied", times=99)
    with pytest.raises(Failed, match="refuses this user"):
        fern.provider.check(fern.wish())
    assert fern.time.seconds == 0


@pytest.mark.parametrize(("times", "asked"), [(1, 2), (9, 2)])
def test_a_server_of_images_is_asked_twice(fern: Lab, times: int, asked: int) -> None:
    fern.program.fault("launch", 'launch failed: Remote "" is unknown or unreachable.', times)
    wish = Launch("x", "24.04", 1, 2**30, 5 * 2**30, "a: b")
    if times == 1:
        Client(fern.program, fern.time).launch(wish)
    else:
        with pytest.raises(Failed, match="reaches no server of images"):
            Client(fern.program, fern.time).launch(wish)
    assert len(fern.program.changed()) == asked


def test_what_may_have_been_done_is_not_asked_twice(fern: Lab) -> None:
    fern.program.fault("recover", "recover failed: Socket closed", times=9)
    with pytest.raises(Failed, match="does not answer"):
        Client(fern.program, fern.time).recover("x")
    assert fern.program.changed() == ["recover x"]


def test_what_does_not_end_is_ended_with_all_that_it_started(tmp_path: Path) -> None:
    """The double's shell starts a sleep: that goes, too."""
    program = tmp_path / "multipass"
    program.write_text('#!/bin/sh\nsleep 600 &\necho $! > "$0.pid"\nwait\n')
    program.chmod(0o755)
    with pytest.raises(Late, match="multipass stop x: no end within 1 s, so it was ended"):
        run([str(program), "stop", "x"], 1.0, missing="", grace=1.0)
    pid = int((tmp_path / "multipass.pid").read_text())
    deadline = time.monotonic() + 10
    while Path(f"/proc/{pid}").exists() and "sleep" in Path(f"/proc/{pid}/cmdline").read_text():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(params=[signal.default_int_handler, signal.SIG_IGN], ids=["shown", "background"])
def started(request: pytest.FixtureRequest) -> Iterator[object]:
    """How this process takes an interrupt, which those that it starts inherit."""
    before = signal.signal(signal.SIGINT, request.param)
    yield request.param
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("started")
def test_what_is_ended_may_put_things_away_first(tmp_path: Path) -> None:
    program = tmp_path / "vagrant"
    program.write_text(
        "#!/bin/sh\ntrap 'echo removed > \"$0.half\"; exit 3' INT TERM\n"
        "while :; do sleep 0.1; done\n"
    )
    program.chmod(0o755)
    with pytest.raises(Late):
        run([str(program)], 1.0, missing="")
    assert (tmp_path / "vagrant.half").read_text() == "removed\n"


@pytest.mark.parametrize("started", [signal.default_int_handler], indirect=True)
@pytest.mark.usefixtures("started")
def test_an_interrupt_ends_what_goes_on_and_begins_nothing(tmp_path: Path) -> None:
    """Ctrl-C reaches the main thread alone; a launch goes on in another one for half an hour."""
    program = tmp_path / "multipass"
    program.write_text('#!/bin/sh\necho $$ >> "$0.begun"\nexec sleep 600\n')
    program.chmod(0o755)
    script = (
        "import sys; from whisklab.lab.common.ended import run\n"
        "from whisklab.lab.common.guest.beside import each\n"
        "from whisklab.lab.common.guest.clock import Clock\n"
        "clock = Clock()\n"
        f"work = lambda name: run([{str(program)!r}, name], 900, missing='',\n"
        "                        unwanted=clock.is_over)\n"
        "try:\n    each(work, ['a', 'b', 'c', 'd'], 2, clock)\n"
        "except KeyboardInterrupt:\n    print('let out', flush=True); sys.exit(130)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    begun, deadline = tmp_path / "multipass.begun", time.monotonic() + 60
    while not begun.exists() or len(begun.read_text().split()) < 2:
        assert time.monotonic() < deadline
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=120)
    assert (process.returncode, out) == (130, "let out\n")
    assert len(begun.read_text().split()) == 2
    assert not any(Path(f"/proc/{pid}").exists() for pid in begun.read_text().split())


def test_standard_input_is_closed_unless_there_are_data(program: Program) -> None:
    """A command that asks something must not wait for us."""
    done = run([str(program.path), "list"], 60.0, missing="")
    assert done.code == 0
    argv = ["launch", "--name", "x", "--cpus", "1", "--memory", "1G", "--disk", "5G"]
    run([str(program.path), *argv], 60.0, missing="", stdin="data")
    assert [each["stdin"] for each in program.read()["calls"]] == ["", "data"]


def test_what_is_gone_already_is_no_failure(fern: Lab) -> None:
    asked = Client(fern.program, fern.time)
    asked.delete("nobody")
    asked.delete_snapshot("nobody", "x")
    fern.provider.up(fern.wish(), fern.report)
    asked.delete_snapshot("fern-master", "x")
    fern.program.fault("delete", "delete failed: no disk", times=9)
    with pytest.raises(WhisklabError, match="no disk"):
        asked.delete("fern-master")
