"""Whether there is a disk below an export that can be written to, as pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from deploys.nfs.render import Entries, effective

LEAST = 1 << 20  # bytes; below, not even a small file is sure to find room
_UNCOUNTED = 0  # what some file systems say of their inodes: they make them as needed


@dataclass(frozen=True)
class Disk:
    """The file system where a path is, or where it would be made.

    Attributes:
        writable: whether root may write there.
        free: bytes that are free for everybody, not for root alone.
        inodes: how many files it can have, 0 when it does not count them.
        free_inodes: how many more.
    """

    writable: bool
    free: int
    inodes: int
    free_inodes: int


def parse(answer: str) -> tuple[str, Disk]:
    """Read `path|yes or no|blocks|size of a block|inodes|free inodes`.

    Raises:
        ValueError: it is something else.
    """
    path, writable, *numbers = answer.rsplit("|", 5)
    blocks, size, inodes, free_inodes = map(int, numbers)
    return path, Disk(writable == "yes", blocks * size, inodes, free_inodes)


def for_writing(options: Iterable[str]) -> bool:
    """Tell whether an export with these options is for writing."""
    return "rw" in effective(options)


def writable(exports: Entries) -> list[str]:
    """Return the paths that somebody may write to: data on a read-only disk may be exported ro."""
    return sorted({entry.path for entry, options in exports.items() if for_writing(options)})


def may_be_changed(path: str, disks: Mapping[str, Disk]) -> bool:
    """Tell whether the directory could get another owner."""
    return path not in disks or disks[path].writable


def why_not_written(server: str, exports: Entries, disks: Mapping[str, Disk]) -> list[str]:
    """Return a sentence for each directory that is exported for writing and cannot be written.

    Args:
        server: name of the machine.
        exports: every single export.
        disks: by path.
    """
    found = [(path, disks[path]) for path in writable(exports) if path in disks]
    return [f"{server}: {path} {why}" for path, disk in found if (why := _why(disk))]


def _why(disk: Disk) -> str | None:
    if not disk.writable:
        return (
            "is on a disk that is read-only: mount it for writing (`dmesg` says whether the disk"
            " is damaged), or export it with the option ro"
        )
    if disk.free < LEAST:
        return f"is on a full disk, {disk.free // 1024} kB are free: make room there"
    if disk.inodes != _UNCOUNTED and not disk.free_inodes:
        return "is on a disk that can have no more files (inodes): remove some there"
    return None
