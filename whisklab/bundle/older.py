"""Bundles of before as a source: what upstream has deleted since is taken from there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path

from whisklab.bundle import reading, tar
from whisklab.bundle.manifest import read
from whisklab.bundle.volume import Volume
from whisklab.engine.cache import writing
from whisklab.errors import WhisklabError


class Older:
    """The blobs of earlier bundles, by their SHA-256. Signatures do not matter: bytes are compared.

    Args:
        volumes: the bundles, open.

    Raises:
        BadInput: one is none.
    """

    def __init__(self, volumes: Sequence[Volume]) -> None:
        self._places: dict[str, tuple[Volume, int, int]] = {}
        for volume in volumes:
            head = reading.head(volume)
            manifest = read(head.text, f"{volume.label}: {tar.MANIFEST}")
            for name, (offset, size) in reading.places(manifest, head).items():
                if name.startswith(tar.BLOBS):
                    self._places[name.removeprefix(tar.BLOBS)] = (volume, offset, size)

    def bring(self, sha256: str, path: Path) -> bool:
        """Have a blob at a path, if a bundle has it; returns whether it is there.

        Raises:
            WhisklabError: the bundle is damaged there, or the path cannot be written.
        """
        if path.is_file():
            return True
        if sha256 not in self._places:
            return False
        volume, offset, size = self._places[sha256]
        part = path.with_name(f".{path.name}.{os.getpid()}")
        digest = hashlib.sha256()
        with writing(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                with part.open("wb") as file:
                    for data in volume.chunks(offset, size):
                        digest.update(data)
                        file.write(data)
                if digest.hexdigest() != sha256:
                    raise WhisklabError(
                        f"{volume.label}: its blob sha256:{sha256} is damaged: verify it with "
                        "--blobs, or leave it out (--from)"
                    )
                part.replace(path)
            finally:
                part.unlink(missing_ok=True)
        return True
