"""A directory as a source of images."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from whisklab.errors import BadInput
from whisklab.images.manifests import LARGEST
from whisklab.images.sources import CHUNK


class Directory:
    """The files below a directory."""

    def __init__(self, path: Path) -> None:
        self.label = str(path)
        self._path = path
        self._known: dict[str, str] = {}

    def has(self, name: str) -> bool:
        """As `Source` says."""
        return (self._path / name).is_file()

    def size(self, name: str) -> int:
        """As `Source` says."""
        return (self._path / name).stat().st_size

    def sha256(self, name: str) -> str:
        """As `Source` says."""
        if name not in self._known:
            found = hashlib.sha256()
            for each in self.read(name, 0):
                found.update(each)
            self._known[name] = found.hexdigest()
        return self._known[name]

    def document(self, name: str) -> bytes:
        """As `Source` says."""
        if self.size(name) > LARGEST:
            raise BadInput(f"{self.label}: {name} is too large for a manifest")
        return (self._path / name).read_bytes()

    def place(self, name: str) -> int:  # noqa: ARG002  (any order is as good)
        """As `Source` says."""
        return 0

    def read(self, name: str, offset: int) -> Iterator[bytes]:
        """As `Source` says."""
        with (self._path / name).open("rb") as file:
            file.seek(offset)
            while data := file.read(CHUNK):
                yield data
