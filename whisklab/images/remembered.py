"""Where an upload goes on that was cut: the registry's own address of it, kept on the laptop.

One small file for each blob that is under way. Who uploads holds a lock on it, so a second push of
the same blob does not write into the same upload: it makes one of its own, unremembered.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from whisklab.errors import WhisklabError

# The registry itself forgets an upload after a week (uploadpurging in deploys/registry).
FORGOTTEN_AFTER = 7 * 24 * 3600  # seconds


class Place:
    """The place of one upload, for as long as this process has it.

    Args:
        path: of its file.
        file: open, and locked.
    """

    def __init__(self, path: Path, file: BinaryIO) -> None:
        self._path, self._file = path, file

    @property
    def location(self) -> str:
        """Path and query, "" for none."""
        self._file.seek(0)
        found = self._file.read().decode(errors="replace")
        return found.strip() if found.endswith("\n") else ""  # else a write was cut

    def keep(self, location: str) -> None:
        """Remember another one."""
        self._file.seek(0)
        self._file.truncate()
        self._file.write(f"{location}\n".encode())
        self._file.flush()

    def forget(self) -> None:
        """Remember none."""
        with suppress(FileNotFoundError):
            self._path.unlink()


@contextmanager
def place(directory: Path, repository: str, digest: str) -> Iterator[Place | None]:
    """Have the place of an upload; None when another process has it.

    Args:
        directory: of an environment's uploads.
        repository: where the blob goes, with the registry.
        digest: of the blob.

    Raises:
        WhisklabError: the directory cannot be written to.
    """
    path = _path(directory, repository, digest)
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        # An upload's address is signed by the registry and is for its owner alone.
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise WhisklabError(f"{path}: cannot be written: {error.strerror or error}") from error
    with os.fdopen(descriptor, "r+b") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield None
            return
        found = Place(path, file)
        try:
            yield found
        finally:
            if not found.location:
                found.forget()


def forget(directory: Path, repository: str, digest: str) -> None:
    """Remember nothing of a blob that is whole: who pushed it may have been killed since."""
    _path(directory, repository, digest).unlink(missing_ok=True)


def _path(directory: Path, repository: str, digest: str) -> Path:
    return directory / hashlib.sha256(f"{repository} {digest}".encode()).hexdigest()


def tidy(directory: Path) -> None:
    """Forget the uploads that the registry has forgotten."""
    for path in directory.glob("*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < time.time() - FORGOTTEN_AFTER:
                path.unlink()
