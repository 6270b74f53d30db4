"""Writing a bundle: one file or several parts, each in place only when all of it is there."""

from __future__ import annotations

import errno
import hashlib
import io
import os
import resource
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whisklab.bundle import tar
from whisklab.bundle.items import Content
from whisklab.bundle.parts import CHUNK, part
from whisklab.engine.artifacts.downloads import PROGRESS_EVERY, Report, progress
from whisklab.errors import BadInput, WhisklabError

_FAT32 = (4 << 30) - 1  # bytes; no file there is larger
_SLACK = 16 << 20  # bytes that stay free, for the file system itself


class Output:
    """The files of a bundle while they are written.

    Args:
        path: of the bundle.
        split: bytes of a part, None for one file.
        total: bytes of all.
        report: hears of the progress.
    """

    def __init__(self, path: Path, split: int | None, total: int, report: Report) -> None:
        self._path, self._split, self._total, self._report = path, split, total, report
        self._written, self._told = 0, time.monotonic()
        self._file: io.FileIO | None = None
        self._files: list[Path] = []

    def write(self, data: bytes) -> None:
        """Append some bytes."""
        view = memoryview(data)
        while view:
            file, room = self._room()
            taken = file.write(view[:room])
            self._written += taken
            view = view[taken:]
        if time.monotonic() - self._told > PROGRESS_EVERY:
            self._told = time.monotonic()
            self._report(f"{self._path}: writing {progress(self._written, self._total)}")

    def _room(self) -> tuple[io.FileIO, int]:
        within = self._written % self._split if self._split else self._written
        if self._file is None or (self._split and not within):
            self._next()
        if self._file is None:
            raise WhisklabError(f"{self._path}: is not open")
        return self._file, (self._split - within) if self._split else CHUNK

    def _next(self) -> None:
        self._close()
        path = part(self._path, len(self._files) + 1) if self._split else self._path
        self._files.append(path)
        # Unbuffered: a full disk is told where something is written, not where a file is closed.
        self._file = _unfinished(path).open("wb", buffering=0)

    def _close(self) -> None:
        if self._file is not None:
            os.fsync(self._file.fileno())  # a stick is pulled out as soon as this ends
            self._file.close()
            self._file = None

    def complete(self) -> list[Path]:
        """Put all in place, and return their paths."""
        self._close()
        for path in self._files:
            _unfinished(path).replace(path)
        number = len(self._files) + 1 if self._split else 1
        while (old := part(self._path, number)).exists():  # of an earlier, longer bundle
            old.unlink()
            number += 1
        if self._split:
            self._path.unlink(missing_ok=True)
        return self._files

    def give_up(self) -> None:
        """Leave nothing."""
        if self._file is not None:
            self._file.close()
        for path in self._files:
            _unfinished(path).unlink(missing_ok=True)


def _unfinished(path: Path) -> Path:
    return path.with_name(f".{path.name}.unfinished")


@contextmanager
def writing(path: Path, split: int | None, total: int, report: Report) -> Iterator[Output]:
    """Write a bundle; nothing of it is left where that fails.

    Raises:
        BadInput: its directory is not there.
        WhisklabError: there is no room for it, or it cannot be written.
    """
    if not path.parent.is_dir():
        raise BadInput(f"{path}: {path.parent} is no directory: make it, or name another file (-o)")
    free = shutil.disk_usage(path.parent).free
    if free < total + _SLACK:
        raise WhisklabError(
            f"{path}: the bundle needs {total / 1e6:.0f} MB, and {path.parent} has "
            f"{free / 1e6:.0f} MB free: make room there, or name another file (-o)"
        )
    require_size(path, min(split or total, total))
    output = Output(path, split, total, report)
    try:
        yield output
    except OSError as error:
        output.give_up()
        raise WhisklabError(
            f"{path}: cannot be written ({error.strerror or error}): make room there or name "
            "another file (-o); a file system with a limit for one file wants --split"
        ) from error
    except BaseException:
        output.give_up()
        raise


def require_size(path: Path, size: int) -> None:
    """Do nothing if one file may be so large beside `path`; known before the first byte.

    Raises:
        BadInput: the file system (FAT32 on sticks), or this process, has a smaller limit.
        WhisklabError: nothing can be written there.
    """
    allowed, _ = resource.getrlimit(resource.RLIMIT_FSIZE)
    may = allowed == resource.RLIM_INFINITY or size <= allowed
    probe = _unfinished(path)
    try:
        if may and size > _FAT32:  # (FAT writes zeros for what is smaller; others take no time)
            with probe.open("wb") as file:
                os.ftruncate(file.fileno(), size)
    except OSError as error:
        if error.errno != errno.EFBIG:
            raise WhisklabError(f"{path}: cannot be written: {error.strerror}") from error
        may = False
    finally:
        probe.unlink(missing_ok=True)
    if not may:
        raise BadInput(
            f"{path}: {size / 1e6:.0f} MB are more than one file may have there: build parts "
            "(--split 2G), or name another file (-o)"
        )


def put(output: Output, entry: tar.Entry, content: Content, sha256: str | None) -> None:
    """Write one file of the archive.

    Args:
        output: where to.
        entry: name and size.
        content: bytes, or the path of a file.
        sha256: that it must have; None for what was just made.

    Raises:
        WhisklabError: the file has other bytes than when it was fetched.
    """
    digest, size = hashlib.sha256(), 0
    output.write(tar.header(entry))
    for data in _chunks(content):
        digest.update(data)
        size += len(data)
        output.write(data)
    output.write(bytes(tar.padding(entry.size)))
    if size != entry.size or sha256 not in (None, digest.hexdigest()):
        raise WhisklabError(
            f"{content if isinstance(content, Path) else entry.name}: has other bytes than when it "
            "was fetched: the disk or another program has changed it: remove it, and run again"
        )


def _chunks(content: Content) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while data := file.read(CHUNK):
            yield data
