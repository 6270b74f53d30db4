"""The cache on the laptop: where things are, and sentences for when it cannot be written."""

from __future__ import annotations

import errno
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from whisklab.errors import WhisklabError
from whisklab.paths import cache_dir

_FULL = (errno.ENOSPC, errno.EDQUOT)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file on the laptop, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def cached(sha256: str, name: str) -> Path:
    """Return where the cache has the file of this content; it need not exist."""
    return cache_dir() / "artifacts" / sha256 / name


@contextmanager
def writing(directory: Path) -> Iterator[None]:
    """Turn what goes wrong when files below `directory` are written into one sentence."""
    remedy = "or set XDG_CACHE_HOME to another directory"
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise WhisklabError(
                f"{directory}: the disk is full: make room there, {remedy}"
            ) from error
        raise WhisklabError(
            f"{directory}: cannot be written ({error.strerror}): make it yours, {remedy}"
        ) from error
