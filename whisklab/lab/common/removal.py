"""Removing directories carefully: only below a given one, and never through a mount."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from whisklab.errors import WhisklabError

_BLOCK = 512  # bytes of st_blocks (stat(2))
_OCTAL = re.compile(r"\\([0-7]{3})")


def mounted_below(path: Path, mountinfo: str) -> list[Path]:
    """The mount points at or below `path`, from the text of /proc/self/mountinfo."""
    found = []
    for line in mountinfo.splitlines():
        point = Path(_OCTAL.sub(lambda octal: chr(int(octal[1], 8)), line.split(" ")[4]))
        if point == path or path in point.parents:
            found.append(point)
    return found


def size_of(path: Path) -> int:
    """The bytes that a directory takes on its disk, with all that is in it."""
    return sum(each.lstat().st_blocks for each in (path, *path.rglob("*"))) * _BLOCK


def remove_tree(path: Path, below: Path) -> None:
    """Remove a file or directory that lies below `below`; nothing when it is not there.

    Raises:
        WhisklabError: something is mounted in it, or it lies elsewhere. Nothing is removed then.
    """
    # Of the path itself a link is not followed, of what leads to it every one is.
    if path.name == ".." or below.resolve() not in (path.parent.resolve() / path.name).parents:
        raise WhisklabError(f"refusing to remove {path}: it is not below {below}")
    if path.is_symlink() or path.is_file():
        path.unlink()
        return
    if not path.exists():
        return
    mountinfo = Path("/proc/self/mountinfo").read_text(encoding="utf-8")
    if mounts := mounted_below(path.resolve(), mountinfo):
        listed = ", ".join(str(mount) for mount in mounts)
        raise WhisklabError(f"refusing to remove {path}: still mounted in it: {listed}")
    shutil.rmtree(path)
