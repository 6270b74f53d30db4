"""Where the disks of labs and of snapshots lie, and how they are copied.

Copies share what they have in common wherever the file system can do that: on btrfs by subvolumes,
on others by reflinks, and elsewhere in a btrfs of our own, in a file that is mounted while there
are labs. Without any of that, copies are plain ones.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from whisklab.errors import WhisklabError
from whisklab.lab.common.lock import locked
from whisklab.lab.common.removal import remove_tree
from whisklab.lab.common.run import Report, run
from whisklab.lab.providers.nspawn import layout, modules, requirements

SUBVOLUMES, REFLINKS, COPIES = "subvolumes", "reflinks", "copies"
PROGRAMS = {"mkfs.btrfs": "btrfs-progs", "losetup": "mount"}
MARGIN = 1 << 30  # bytes that a copy leaves free, for what labs write afterwards
_BTRFS = "btrfs"
_LARGEST = 256 << 30
_SHARE = 0.8  # of the free space: what else is on that file system needs some, too
_TOP_OF_SUBVOLUME = 256  # inode number; BTRFS_FIRST_FREE_OBJECTID of linux/btrfs_tree.h
_FICLONE = 0x40049409  # linux/fs.h
_OPTIONS = "loop,noatime,discard=async"  # discard: what is deleted is given back to the file


@dataclass(frozen=True)
class Store:
    """An open store below the directory `top`; `kind` says how it copies."""

    top: Path
    kind: str

    def disks(self, lab: str) -> Path:
        """The directory with all generations of a lab's disks; one of them is in use."""
        return self.top / "disks" / lab

    def snapshots(self, lab: str) -> Path:
        """The directory with the disks of a lab's snapshots."""
        return self.top / "snapshots" / lab

    def create(self, path: Path) -> None:
        """Make an empty directory of disks."""
        path.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if self.kind == SUBVOLUMES:
            run(["btrfs", "subvolume", "create", str(path)])
        else:
            path.mkdir(mode=0o755)

    def copy(self, source: Path, target: Path, *, frozen: bool = False) -> None:
        """Copy a directory of disks that nobody writes to; `target` is there whole or not at all.

        Devices, attributes, holes and hard links are kept, whatever the file system. `frozen`
        makes one that cannot be written to, where the file system has that.

        Raises:
            WhisklabError: it does not fit, or cannot be read.
        """
        target.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        if self.kind == SUBVOLUMES and is_subvolume(source):
            _refuse_nested(source)
            read_only = ["-r"] if frozen else []
            run(["btrfs", "subvolume", "snapshot", *read_only, str(source), str(target)])
            return
        beside = target.with_name(f".{target.name}.new")
        self.remove(beside)
        self.create(beside)
        reflink = "always" if self.kind == REFLINKS else "auto"
        archive = ["--archive", "--sparse=always", f"--reflink={reflink}"]
        # Reflinked files keep their holes; cp takes one of the two options only.
        archive = [word for word in archive if not (reflink == "always" and "sparse" in word)]
        run(["cp", *archive, "--no-target-directory", str(source), str(beside)])
        run(["sync", "--file-system", str(beside)])
        beside.rename(target)

    def remove(self, path: Path) -> None:
        """Remove a directory of disks; nothing when it is not there."""
        if not path.exists():
            return
        if self.kind == SUBVOLUMES and is_subvolume(path):
            try:
                run(["btrfs", "subvolume", "delete", str(path)])
            except WhisklabError:  # a host may have made subvolumes in it
                run(["btrfs", "property", "set", "-ts", str(path), "ro", "false"])
                remove_tree(path, self.top)
        else:
            remove_tree(path, self.top)

    def sweep(self, lab: str, keep: set[Path]) -> None:
        """Remove what killed runs have left of a lab: disks that are not among `keep`."""
        for directory in (self.disks(lab), self.snapshots(lab)):
            for path in directory.glob("*") if directory.is_dir() else ():
                if path not in keep:
                    self.remove(path)
            _remove_empty(directory)

    def free(self) -> int:
        """Bytes that can still be written: here, and where the file of the store lies."""
        places = [self.top, *([layout.STORE_FILE.parent] if layout.STORE_FILE.exists() else [])]
        return min(os.statvfs(place).f_bavail * os.statvfs(place).f_frsize for place in places)

    def require_room(self, what: str, source: Path) -> None:
        """Refuse a copy for which there is no room.

        Raises:
            WhisklabError: says how much is free and how much is wanted.
        """
        wanted = MARGIN + (used(source) if self.kind == COPIES else 0)
        if (free := self.free()) < wanted:
            raise WhisklabError(
                f"{what}: only {_size(free)} are free at {self.top.parent} and it wants"
                f" {_size(wanted)}: make room there, `whisklab clean` and"
                " `whisklab snapshot LAB NAME --delete` help"
            )

    def announce(self, what: str, source: Path, report: Report) -> None:
        """Say beforehand how much is copied, when it cannot be shared."""
        if self.kind == COPIES:
            size = used(source)
            report(
                f"{what}: copying {_size(size)}, about {size / _BYTES_A_SECOND:.0f} s: this file"
                " system cannot share what is equal"
            )


_BYTES_A_SECOND = 170e6  # measured on ext4: 2.4 GB in 14 s (facts/snapshots.md)


def _size(count: float) -> str:
    """A number of bytes for people."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"  # noqa: PLR2004


def used(path: Path) -> int:
    """Bytes that a directory takes on its disk, shared ones too."""
    words = run(["du", "--summarize", "--block-size=1", str(path)]).split()
    return int(words[0])


def is_subvolume(path: Path) -> bool:
    """Whether a directory is the top of a btrfs subvolume."""
    return path.is_dir() and path.stat().st_ino == _TOP_OF_SUBVOLUME and _type(path) == _BTRFS


def exists() -> bool:
    """Whether there is a store, open or not."""
    return layout.STORE.is_dir() or layout.STORE_FILE.exists()


def opened(report: Report) -> Store:
    """Open the store, making it the first time. Idempotent.

    The caller holds the lock `machine`, or a lab whose record is there keeps it open.

    Raises:
        WhisklabError: it is there and cannot be mounted.
    """
    top = layout.STORE
    top.mkdir(mode=0o755, parents=True, exist_ok=True)
    if not os.path.ismount(top) and (layout.STORE_FILE.exists() or _wants_file(top, report)):
        _mount(report)
    if _type(top) == _BTRFS:
        return Store(top, SUBVOLUMES)
    return Store(top, REFLINKS if _reflinks(top) else COPIES)


def open_for_lab(report: Report) -> Store:
    """Open the store for a lab whose record is there, so that nobody closes it meanwhile."""
    with locked("machine", report):
        return opened(report)


@contextmanager
def looked_into(report: Report) -> Iterator[Store | None]:
    """Have the store open for a moment, whether there are labs or not; None when there is none."""
    with locked("machine", report):
        yield opened(report) if exists() else None
        close_unused(report)


def close_unused(report: Report) -> None:
    """Unmount the store when there is no lab; remove its file when nothing is in it either.

    The caller holds the lock `machine`.
    """
    top = layout.STORE
    if any(layout.LABS.glob("*/record.json")) or not top.is_dir():
        return
    for directory in (top / "disks", top / "snapshots"):
        for lab in directory.glob("*") if directory.is_dir() else ():
            _remove_empty(lab)
        _remove_empty(directory)
    empty = not any(path for path in top.iterdir())
    if os.path.ismount(top):
        try:
            run(["umount", str(top)])
        except WhisklabError as error:
            report(f"{top} stays mounted, somebody else uses it ({error})")
            return
        if empty:
            layout.STORE_FILE.unlink(missing_ok=True)
    _remove_empty(top)


def _remove_empty(directory: Path) -> None:
    if directory.is_dir() and not any(directory.iterdir()):
        directory.rmdir()


def _wants_file(top: Path, report: Report) -> bool:
    """Whether a file system of our own is better than what `top` is on, and can be had."""
    if any(top.iterdir()) or _type(top) == _BTRFS or _reflinks(top):
        return False
    if not Path("/dev/loop-control").exists() or not modules.has_filesystem(_BTRFS):
        return False
    try:
        requirements.ensure(PROGRAMS, report)
    except WhisklabError as error:
        report(f"snapshots will be plain copies: {error}")
        return False
    return True


def _mount(report: Report) -> None:
    file = layout.STORE_FILE
    if not file.exists():
        status = os.statvfs(file.parent)
        size = min(int(status.f_bavail * status.f_frsize * _SHARE), _LARGEST)
        beside = file.with_suffix(".new")
        with beside.open("wb") as sparse:
            sparse.truncate(size)
        beside.chmod(0o600)
        report(f"making a file system for disks that can be copied at once ({file})")
        # One copy of the metadata: the file itself lies on a disk that is trusted with more.
        run(["mkfs.btrfs", "--quiet", "--nodiscard", "--metadata", "single", str(beside)])
        beside.rename(file)
    run(["mount", "-t", _BTRFS, "-o", _OPTIONS, str(file), str(layout.STORE)])


def _type(path: Path) -> str:
    return run(["stat", "--file-system", "--format=%T", str(path)]).strip()


def _reflinks(directory: Path) -> bool:
    """Whether files in a directory can share their blocks."""
    with (
        tempfile.NamedTemporaryFile(dir=directory) as source,
        tempfile.NamedTemporaryFile(dir=directory) as target,
    ):
        source.write(b"x" * 4096)
        source.flush()
        try:
            fcntl.ioctl(target.fileno(), _FICLONE, source.fileno())
        except OSError:
            return False
    return True


def _refuse_nested(source: Path) -> None:
    """Refuse subvolumes that hosts have made in their disks: a snapshot would leave them out."""
    listed = run(["btrfs", "subvolume", "list", "-o", str(source)]).splitlines()
    if listed:
        raise WhisklabError(
            f"{listed[0].partition(' path ')[2]} is a btrfs subvolume, which a snapshot would leave"
            " out: remove it in its host, or make it a directory"
        )
