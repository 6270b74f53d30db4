"""The manifest of a bundle, or of a file that is one alone."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from whisklab.bundle import tar
from whisklab.bundle.manifest import LARGEST, Manifest, read
from whisklab.bundle.volume import Volume, opened
from whisklab.errors import BadInput

_LARGEST_SIGNATURE = 4096


@dataclass(frozen=True)
class Head:
    """How a bundle begins: bytes of its manifest and its signature."""

    text: bytes
    signature: bytes


def head(volume: Volume) -> Head:
    """Return how a bundle begins.

    Raises:
        BadInput: it is no bundle, or ends there, or one of the first blocks is damaged.
    """
    if volume.size == 0 and volume.gap:
        raise BadInput(volume.gap)
    text, offset = _document(volume, tar.MANIFEST, 0, LARGEST)
    signature, _ = _document(volume, tar.SIGNATURE, offset, _LARGEST_SIGNATURE)
    return Head(text, signature)


def _document(volume: Volume, name: str, offset: int, largest: int) -> tuple[bytes, int]:
    entry = tar.parsed(volume.read(offset, tar.BLOCK))
    if entry is None or entry.name != name or entry.size > largest:
        raise BadInput(
            f"{volume.label}: the header of {name} ({volume.where(offset)}) is damaged, or the "
            "file is no bundle: copy it again, or name another file"
        )
    data = volume.read(offset + tar.BLOCK, entry.size)
    if len(data) < entry.size:
        raise BadInput(f"{volume.label}: ends within {name}: copy it again")
    return data, offset + entry.span


def places(manifest: Manifest, begin: Head) -> dict[str, tuple[int, int]]:
    """Return where the bytes of each file of a bundle begin, and how many they are. Pure."""
    found, offset = {}, 0
    for entry in tar.entries(manifest, len(begin.text), len(begin.signature)):
        found[entry.name] = (offset + tar.BLOCK, entry.size)
        offset += entry.span
    return found


def manifest_of(path: Path) -> Manifest:
    """Return the manifest of a bundle, or of a file that is one; its signature is not asked for.

    Raises:
        BadInput: it is neither.
    """
    if path.is_file():
        with path.open("rb") as file:
            if file.read(1) == b"{":
                if path.stat().st_size > LARGEST:
                    raise BadInput(f"{path}: is larger than a manifest may be: name a bundle's")
                return read(path.read_bytes(), str(path))
    with opened(path) as volume:
        return read(head(volume).text, f"{volume.label}: {tar.MANIFEST}")
