"""Entries of an image's layer: root's, without a time, so that the same input gives the same."""

from __future__ import annotations

import io
import tarfile


def put_file(layer: tarfile.TarFile, name: str, data: bytes, mode: int = 0o755) -> None:
    """Add a file."""
    entry = tarfile.TarInfo(name)
    entry.size, entry.mode = len(data), mode
    layer.addfile(entry, io.BytesIO(data))


def put_link(layer: tarfile.TarFile, name: str, target: str) -> None:
    """Add a symbolic link."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.linkname, entry.mode = tarfile.SYMTYPE, target, 0o755
    layer.addfile(entry)


def put_directory(layer: tarfile.TarFile, name: str, mode: int = 0o755) -> None:
    """Add a directory."""
    entry = tarfile.TarInfo(name)
    entry.type, entry.mode = tarfile.DIRTYPE, mode
    layer.addfile(entry)
