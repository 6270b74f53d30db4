"""A bundle as a source of images: its blobs are pushed from where they lie in the archive."""

from __future__ import annotations

from collections.abc import Iterator

from whisklab.bundle import reading, tar
from whisklab.bundle.manifest import Manifest
from whisklab.bundle.volume import Volume
from whisklab.errors import WhisklabError
from whisklab.images.manifests import LARGEST


class BundleSource:
    """The files of a bundle whose bytes were compared (`verifying.verify`, with blobs).

    Args:
        volume: the bundle, open.
        manifest: of it.
    """

    def __init__(self, volume: Volume, manifest: Manifest) -> None:
        self.label = volume.label
        self._volume = volume
        self._places = reading.places(manifest, reading.head(volume))

    def has(self, name: str) -> bool:
        """As `Source` says; False for what is left to an earlier bundle."""
        return name in self._places

    def size(self, name: str) -> int:
        """As `Source` says."""
        return self._places[name][1]

    def sha256(self, name: str) -> str:
        """As `Source` says."""
        return name.removeprefix(tar.BLOBS)

    def document(self, name: str) -> bytes:
        """As `Source` says."""
        offset, size = self._places[name]
        if size > LARGEST:
            raise WhisklabError(f"{self.label}: {name} is larger than a manifest may be")
        return self._volume.read(offset, size)

    def place(self, name: str) -> int:
        """As `Source` says; 0 for what is left to an earlier bundle."""
        return self._places.get(name, (0, 0))[0]

    def read(self, name: str, offset: int) -> Iterator[bytes]:
        """As `Source` says.

        Raises:
            WhisklabError: it is left to an earlier bundle.
        """
        if name not in self._places:
            raise WhisklabError(
                f"{self.label}: {name} is left to an earlier bundle, and the registry does not "
                "take it over from another repository: build one without --since"
            )
        begin, size = self._places[name]
        yield from self._volume.chunks(begin + offset, size - offset)
