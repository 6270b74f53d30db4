"""Blobs in the laptop's cache, by their digest."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Mapping
from pathlib import Path

from whisklab.engine.cache import cached, writing
from whisklab.errors import WhisklabError
from whisklab.paths import cache_dir

BLOB = "blob"  # what it is called in the cache


def require_room(blobs: Mapping[str, int]) -> None:
    """Do nothing if the cache has room for some blobs, by digest and size; it may have them.

    Raises:
        WhisklabError: it has not.
    """
    needed = sum(size for digest, size in blobs.items() if not place(digest).is_file())
    require_free(needed, "images are to be fetched")


def require_free(needed: int, why: str) -> None:
    """Do nothing if the cache has room for so many bytes.

    Args:
        needed: bytes.
        why: what of them, for the sentence, such as "images are to be fetched".

    Raises:
        WhisklabError: it has not.
    """
    directory = cache_dir()
    with writing(directory):
        directory.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(directory).free
    if free < needed:
        raise WhisklabError(
            f"{directory}: {needed / 1e6:.0f} MB of {why}, and {free / 1e6:.0f} MB are free: make "
            "room there, or set XDG_CACHE_HOME to another directory"
        )


def place(digest: str) -> Path:
    """Return where the cache has a blob; it need not exist."""
    return cached(digest.removeprefix("sha256:"), BLOB)


def keep(path: Path, data: bytes) -> None:
    """Write a small blob, whole or not at all."""
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_name(f".{path.name}.{threading.get_ident()}")
        part.write_bytes(data)
        part.replace(path)
