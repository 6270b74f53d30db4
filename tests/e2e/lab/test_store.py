"""Copies of disks on file systems that cannot share, and on one that is full."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from whisklab.errors import WhisklabError
from whisklab.lab.providers.nspawn import layout, store
from whisklab.lab.providers.nspawn.store import COPIES, REFLINKS, SUBVOLUMES, Store

pytestmark = pytest.mark.e2e

HOLE = 32 << 20
BTRFS, EXT4, XFS, MEMORY = "btrfs", "ext4", "xfs", "tmpfs"
KINDS = {BTRFS: SUBVOLUMES, EXT4: COPIES, XFS: REFLINKS, MEMORY: COPIES}
MAKE = {
    BTRFS: ["mkfs.btrfs", "--quiet"],
    EXT4: ["mkfs.ext4", "-q", "-F"],
    XFS: ["mkfs.xfs", "-q", "-m", "reflink=1"],
}


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    """Have the programs that make the file systems."""
    apt = ["apt-get", "install", "--yes", "-qq", "--no-install-recommends"]
    subprocess.run(
        [*apt, "btrfs-progs", "xfsprogs", "attr", "acl"], check=True, capture_output=True
    )


@contextmanager
def mounted(kind: str, directory: Path, size: str = "512M") -> Iterator[Path]:
    """Have a small file system of a kind; it is gone afterwards."""
    top = directory / "top"
    top.mkdir()
    if kind == MEMORY:
        command = ["mount", "-t", kind, "-o", f"size={size}", kind, str(top)]
    else:
        image = directory / "image"
        subprocess.run(["truncate", "--size", size, str(image)], check=True)
        subprocess.run([*MAKE[kind], str(image)], check=True)
        command = ["mount", "-o", "loop", str(image), str(top)]
    subprocess.run(command, check=True)
    try:
        yield top
    finally:
        subprocess.run(["umount", str(top)], check=True)


def plant(disks: Path) -> None:
    """Make one of everything that an overlay's upper directory, or a host, may have."""
    top = disks / "host/upper"
    top.mkdir(parents=True)
    os.mknod(top / "whiteout", stat.S_IFCHR | 0o600, os.makedev(0, 0))
    os.mkfifo(top / "fifo")
    (top / "opaque").mkdir()
    os.setxattr(top / "opaque", "trusted.overlay.opaque", b"y")
    (top / "file").write_bytes(b"content")
    os.setxattr(top / "file", "user.note", b"kept")
    os.chown(top / "file", 1000, 1001)
    (top / "file").chmod(0o4751)
    os.utime(top / "file", ns=(1_600_000_000_123_456_789, 1_600_000_001_987_654_321))
    (top / "twin").hardlink_to(top / "file")
    (top / "link").symlink_to("/nowhere")
    (top / "able").write_bytes(b"")
    capability = b"\x01\x00\x00\x02\x00\x20\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
    os.setxattr(top / "able", "security.capability", capability)
    (top / "shared").mkdir()
    subprocess.run(["setfacl", "--modify", "u:1000:rwx", str(top / "shared")], check=True)
    with (top / "sparse").open("wb") as file:
        file.truncate(HOLE)
        file.seek(HOLE // 2)
        file.write(b"in the middle")
    with socket.socket(socket.AF_UNIX) as listening:
        before = Path.cwd()
        os.chdir(top)  # a socket's path is short
        try:
            listening.bind("socket")
        finally:
            os.chdir(before)


def manifest(disks: Path) -> dict[str, tuple[object, ...]]:
    """What is there, by path: all that a copy has to keep."""
    found: dict[str, tuple[object, ...]] = {}
    links: dict[int, list[str]] = {}
    for path in sorted(disks.rglob("*")):
        info, name = path.lstat(), str(path.relative_to(disks))
        extended = {
            key: os.getxattr(path, key, follow_symlinks=False)
            for key in os.listxattr(path, follow_symlinks=False)
        }
        content = path.read_bytes() if stat.S_ISREG(info.st_mode) else b""
        target = str(path.readlink()) if path.is_symlink() else ""
        when = () if path.is_dir() else (info.st_mtime_ns,)
        found[name] = (info.st_mode, info.st_uid, info.st_gid, info.st_rdev, info.st_nlink
                       if not path.is_dir() else 0, when, extended, content, target)  # fmt: skip
        if not path.is_dir():
            links.setdefault(info.st_ino, []).append(name)
    groups = sorted(names for names in links.values() if len(names) > 1)
    return {**found, "hard links": (groups,)}


@pytest.mark.parametrize("kind", [BTRFS, EXT4, XFS, MEMORY])
def test_a_copy_has_everything(kind: str, tmp_path: Path) -> None:
    with mounted(kind, tmp_path) as top:
        disks = Store(top, KINDS[kind])
        source, target = disks.disks("x") / "one", disks.snapshots("x") / "two"
        disks.create(source)
        plant(source)
        disks.copy(source, target, frozen=True)
        assert len(manifest(source)) > 10
        assert manifest(target) == manifest(source)
        assert store.used(target) <= 1.1 * store.used(source) + 65536
        assert store.used(target) < HOLE
        disks.remove(target)
        assert not target.exists()
        assert len(manifest(source)) > 10


@pytest.mark.parametrize("kind", [BTRFS, XFS])
def test_where_it_can_be_had_nothing_is_written_twice(kind: str, tmp_path: Path) -> None:
    with mounted(kind, tmp_path) as top:
        disks = Store(top, KINDS[kind])
        source = disks.disks("x") / "one"
        disks.create(source)
        (source / "large").write_bytes(os.urandom(64 << 20))
        subprocess.run(["sync", "--file-system", str(top)], check=True)
        before = disks.free()
        disks.copy(source, disks.disks("x") / "two")
        subprocess.run(["sync", "--file-system", str(top)], check=True)
        assert before - disks.free() < 4 << 20
        (source / "large").write_bytes(b"another")
        assert (disks.disks("x") / "two/large").stat().st_size == 64 << 20


@pytest.mark.parametrize("kind", [BTRFS, EXT4])
def test_without_room_it_is_refused_and_nothing_is_left(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(layout, "STORE_FILE", tmp_path / "none")
    monkeypatch.setattr(store, "MARGIN", 300 << 20)
    with mounted(kind, tmp_path) as top:
        disks = Store(top, KINDS[kind])
        source = disks.disks("x") / "one"
        disks.create(source)
        (source / "filler").write_bytes(os.urandom(300 << 20))
        subprocess.run(["sync", "--file-system", str(top)], check=True)
        with pytest.raises(WhisklabError, match=r"the snapshot: only \d+.* are free .* make room"):
            disks.require_room("the snapshot", source)


def test_a_copy_that_does_not_fit_is_not_there(tmp_path: Path) -> None:
    with mounted(EXT4, tmp_path, "256M") as top:
        disks = Store(top, COPIES)
        source, target = disks.disks("x") / "one", disks.disks("x") / "two"
        disks.create(source)
        (source / "large").write_bytes(os.urandom(160 << 20))
        with pytest.raises(WhisklabError, match="No space left on device"):
            disks.copy(source, target)
        assert not target.exists()
        disks.sweep("x", {source})
        assert [path.name for path in disks.disks("x").iterdir()] == ["one"]
        assert (source / "large").stat().st_size == 160 << 20


def test_a_host_s_own_subvolume_is_not_left_out_in_silence(tmp_path: Path) -> None:
    with mounted(BTRFS, tmp_path) as top:
        disks = Store(top, SUBVOLUMES)
        source = disks.disks("x") / "one"
        disks.create(source)
        disks.create(source / "host/inner")
        with pytest.raises(WhisklabError, match=r"host/inner is a btrfs subvolume"):
            disks.copy(source, disks.disks("x") / "two")
        disks.remove(source)
        assert not source.exists()


def test_a_file_system_of_our_own_comes_with_the_first_lab_and_goes_with_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mounted(EXT4, tmp_path, "2G") as top:
        file, labs = top / "store.btrfs", top / "labs"
        for name, path in (("STORE", top / "store"), ("STORE_FILE", file), ("LABS", labs)):
            monkeypatch.setattr(layout, name, path)
        disks = store.opened(print)
        assert disks.kind == SUBVOLUMES
        assert str(file) in loops()
        disks.create(disks.disks("x") / "one")
        (labs / "x").mkdir(parents=True)
        (labs / "x/record.json").touch()
        store.close_unused(print)
        assert (top / "store").is_mount()  # there is a lab
        (labs / "x/record.json").unlink()
        store.close_unused(print)
        assert not (top / "store").is_mount()
        assert file.exists()  # there is something in it: of a snapshot, say
        disks = store.opened(print)
        disks.sweep("x", set())
        store.close_unused(print)
        assert not (top / "store").exists()
        assert not file.exists()
        assert str(file) not in loops()


def loops() -> str:
    """The loop devices of this machine."""
    shown = subprocess.run(["losetup", "--all"], check=True, capture_output=True, text=True)
    return shown.stdout
