"""What programs expect of a file system, tried in a directory: `python3 - DIRECTORY` as root.

Sent to a node and run there with its own Python, so standard library only. Prints a line for each
expectation that is not met, and in the end how many were.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import mmap
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

EXPECTATIONS: list[Callable[[], None]] = []
NOBODY = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c")


def expect(check: Callable[[], None]) -> Callable[[], None]:
    """Add an expectation."""
    EXPECTATIONS.append(check)
    return check


def fails(number: int, action: Callable[[], object]) -> None:
    """Require that an action fails with this errno."""
    try:
        action()
    except OSError as error:
        assert error.errno == number, error
        return
    raise AssertionError(f"it did not fail with {errno.errorcode[number]}")


def nobody(command: str) -> bool:
    """Run a shell command as somebody without rights; tell whether it succeeded."""
    return subprocess.run([*NOBODY, command], capture_output=True, check=False).returncode == 0


def python(code: str) -> str:
    """Run Python code in another process; return what it prints."""
    argv = [sys.executable, "-c", code]
    return subprocess.run(argv, capture_output=True, text=True, check=True).stdout.strip()


@expect
def what_is_written_is_read() -> None:
    Path("a").write_bytes(b"hello")
    with Path("a").open("ab") as file:
        file.write(b" world")
    assert Path("a").read_bytes() == b"hello world"


@expect
def holes_are_zeros() -> None:
    with Path("sparse").open("wb") as file:
        os.pwrite(file.fileno(), b"z", 1 << 20)
    assert Path("sparse").stat().st_size == (1 << 20) + 1
    assert not any(Path("sparse").read_bytes()[:-1])


@expect
def files_shrink_and_grow() -> None:
    Path("t").write_bytes(b"hello")
    os.truncate("t", 3)
    os.truncate("t", 6)
    assert Path("t").read_bytes() == b"hel\0\0\0"


@expect
def megabytes_arrive_whole() -> None:
    data = os.urandom(3_333_333)
    Path("big").write_bytes(data)
    digest = hashlib.sha256(data).hexdigest()
    assert python(
        "import hashlib; print(hashlib.sha256(open('big','rb').read()).hexdigest())"
    ) == digest  # fmt: skip


@expect
def a_mapping_is_the_file() -> None:
    with Path("map").open("w+b") as file:
        file.truncate(8192)
        with mmap.mmap(file.fileno(), 8192) as memory:
            memory[100:103] = b"MAP"
            memory.flush()
    assert Path("map").read_bytes()[100:103] == b"MAP"


@expect
def syncing_works() -> None:
    for path, flags in (("synced", os.O_CREAT | os.O_RDWR), (".", os.O_RDONLY)):
        handle = os.open(path, flags)
        os.fsync(handle)
        os.close(handle)


@expect
def a_new_file_may_be_written_whatever_its_mode() -> None:
    handle = os.open("readonly", os.O_CREAT | os.O_WRONLY, 0o444)
    os.write(handle, b"x")
    os.close(handle)
    assert Path("readonly").read_bytes() == b"x"


@expect
def errors_have_their_names() -> None:
    Path("there").touch()
    Path("full").mkdir()
    Path("full/entry").touch()
    fails(errno.EEXIST, lambda: os.open("there", os.O_CREAT | os.O_EXCL))
    fails(errno.ENOENT, lambda: os.open("not there", os.O_RDONLY))
    fails(errno.ENOTEMPTY, lambda: Path("full").rmdir())
    fails(errno.EISDIR, lambda: os.open("full", os.O_WRONLY))
    fails(errno.ENAMETOOLONG, lambda: Path("n" * 256).touch())


@expect
def names_move_over_others() -> None:
    Path("one").write_text("1")
    Path("two").write_text("2")
    Path("one").rename("two")
    assert (Path("two").read_text(), Path("one").exists()) == ("1", False)
    Path("dir").mkdir()
    Path("dir/inside").touch()
    Path("dir").rename("moved")
    assert os.listdir("moved") == ["inside"]


@expect
def links_are_links() -> None:
    Path("target").write_text("x")
    Path("soft").symlink_to("target")
    Path("dangling").symlink_to("nowhere")
    Path("hard").hardlink_to("target")
    assert (os.readlink("soft"), Path("soft").read_text()) == ("target", "x")
    fails(errno.ENOENT, lambda: os.open("dangling", os.O_RDONLY))
    assert os.stat("hard").st_ino == os.stat("target").st_ino
    assert os.stat("target").st_nlink == 2


@expect
def attributes_stay() -> None:
    Path("attributes").touch()
    os.chmod("attributes", 0o4751)
    assert stat.S_IMODE(os.stat("attributes").st_mode) == 0o4751
    os.chown("attributes", 1234, 5678)
    os.utime("attributes", (1e9, 1.5e9))
    now = os.stat("attributes")
    assert (now.st_uid, now.st_gid, now.st_mtime) == (1234, 5678, 1.5e9)
    Path("private").mkdir(0o700)
    assert stat.S_IMODE(os.stat("private").st_mode) == 0o700


@expect
def special_files_are_made() -> None:
    os.mkfifo("fifo")
    assert stat.S_ISFIFO(os.stat("fifo").st_mode)


@expect
def an_open_file_outlives_its_name() -> None:
    Path("nest").mkdir()
    with Path("nest/file").open("w+b") as file:
        file.write(b"abc")
        file.flush()
        os.unlink("nest/file")
        assert not Path("nest/file").exists()
        file.seek(0)
        assert file.read() == b"abc"
    until(lambda: not os.listdir("nest"))  # nothing is left when it is closed


@expect
def an_open_file_outlives_another_that_takes_its_name() -> None:
    Path("old").write_text("old")
    Path("new").write_text("new")
    with Path("old").open() as file:
        Path("new").rename("old")
        assert (file.read(), Path("old").read_text()) == ("old", "new")


@expect
def many_names_are_listed_and_removed() -> None:
    Path("many").mkdir()
    names = {f"a-file-with-a-rather-long-name-{number:04}" for number in range(300)}
    for name in names:
        (Path("many") / name).touch()
    assert set(os.listdir("many")) == names
    shutil.rmtree("many")
    assert not Path("many").exists()


@expect
def programs_are_run() -> None:
    Path("program").write_text("#!/bin/sh\necho ran\n")
    os.chmod("program", 0o755)
    assert subprocess.run(["./program"], capture_output=True, check=True).stdout == b"ran\n"


@expect
def the_size_of_the_disk_is_known() -> None:
    assert os.statvfs(".").f_blocks > 0


@expect
def others_are_kept_out() -> None:
    Path("secret").write_text("s")
    os.chmod("secret", 0o600)
    assert not nobody("cat secret")
    assert not nobody("echo x > uninvited")
    Path("tmp").mkdir()
    os.chmod("tmp", 0o1777)
    Path("tmp/of-root").touch()
    assert not nobody("rm -f tmp/of-root")
    assert nobody("echo x > tmp/own && chmod 600 tmp/own && cat tmp/own && rm tmp/own")
    assert not nobody("echo x > tmp/own && chown 0 tmp/own")


@expect
def flock_excludes() -> None:
    with Path("lock").open("w") as one, Path("lock").open("w") as other:
        fcntl.flock(one, fcntl.LOCK_EX)
        fails(errno.EWOULDBLOCK, lambda: fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB))
        one.close()
        until(lambda: succeeds(lambda: fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)))


@expect
def fcntl_locks_ranges_and_a_close_ends_them() -> None:
    def attempt(start: int) -> str:
        return python(
            "import fcntl\nwith open('ranges', 'r+') as f:\n"
            f" try: fcntl.lockf(f, fcntl.LOCK_EX | fcntl.LOCK_NB, 10, {start}); print('got')\n"
            " except BlockingIOError: print('taken')"
        )

    with Path("ranges").open("w+") as file:
        fcntl.lockf(file, fcntl.LOCK_EX, 10, 0)
        assert (attempt(5), attempt(10)) == ("taken", "got")
    assert attempt(5) == "got"


@expect
def sqlite_keeps_its_journals() -> None:
    for mode in ("delete", "wal"):
        with closing(sqlite3.connect(f"{mode}.db", timeout=30)) as database:
            database.execute(f"pragma journal_mode={mode}")
            database.execute("create table t(n)")
            for number in range(20):
                database.execute("insert into t values (?)", (number,))
                database.commit()
            assert database.execute("select count(*) from t").fetchone() == (20,)
            assert database.execute("pragma integrity_check").fetchone() == ("ok",)


def succeeds(action: Callable[[], object]) -> bool:
    """Tell whether an action raises no OSError."""
    try:
        action()
    except OSError:
        return False
    return True


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition."""
    deadline = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < deadline, "waited 20 s in vain"
        time.sleep(0.05)


def main() -> None:
    """Try all expectations in a directory of their own."""
    os.umask(0o022)
    place = tempfile.mkdtemp(dir=sys.argv[1])
    os.chmod(place, 0o755)
    os.chdir(place)
    met = 0
    for check in EXPECTATIONS:
        try:
            check()
            met += 1
        except Exception as error:  # noqa: BLE001 (told, whatever it is)
            print(f"{check.__name__}: {error!r}")
    os.chdir("/")
    shutil.rmtree(place)
    print(f"{met} of {len(EXPECTATIONS)} are met")


if __name__ == "__main__":
    main()
