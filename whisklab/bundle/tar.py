"""The form of the archive: tar, each byte of which follows from names, sizes and contents. Pure.

So a reader can compare every byte, headers and padding too, and the same content is the same file.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from whisklab.bundle.manifest import Document, Manifest

BLOCK = 512
END = bytes(2 * BLOCK)
MANIFEST, SIGNATURE, LAYOUT, INDEX, INSTALL = (
    "manifest.json",
    "manifest.json.sig",
    "oci-layout",
    "index.json",
    "install.py",
)
LAYOUT_TEXT = b'{"imageLayoutVersion": "1.0.0"}\n'
BLOBS = "blobs/sha256/"
_MODE = 0o644


@dataclass(frozen=True)
class Entry:
    """A file of the archive."""

    name: str
    size: int

    @property
    def span(self) -> int:
        """Bytes of it with its header and padding."""
        return BLOCK + self.size + padding(self.size)


def header(entry: Entry) -> bytes:
    """Return the header of a file: root's, of 1970; no extended one, however large it is."""
    found = tarfile.TarInfo(entry.name)
    found.size, found.mode, found.mtime = entry.size, _MODE, 0
    return found.tobuf(tarfile.GNU_FORMAT)


def parsed(block: bytes) -> Entry | None:
    """Return the file that a header is of; None when it is none as `header` makes it."""
    try:
        found = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError):
        return None
    entry = Entry(found.name, found.size)
    return entry if entry.size >= 0 and header(entry) == block else None


def padding(size: int) -> int:
    """Return the zero bytes behind so many others."""
    return -size % BLOCK


def entries(manifest: Manifest, manifest_size: int, signature_size: int) -> list[Entry]:
    """Return all files of a bundle in their order: what describes it comes first."""
    return [
        Entry(MANIFEST, manifest_size),
        Entry(SIGNATURE, signature_size),
        *(Entry(each.name, each.size) for each in manifest.documents),
        *(Entry(BLOBS + each.sha256, each.size) for each in manifest.present),
    ]


def total(found: Iterable[Entry]) -> int:
    """Return the bytes of an archive with these files."""
    return sum(each.span for each in found) + len(END)


def document(manifest: Manifest, name: str) -> Document | None:
    """Return what the manifest says of a document."""
    return next((each for each in manifest.documents if each.name == name), None)


def framed(entry: Entry, content: Iterable[bytes]) -> Iterator[bytes]:
    """Yield a file with its header and padding."""
    yield header(entry)
    yield from content
    yield bytes(padding(entry.size))
