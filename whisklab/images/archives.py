"""A tar archive as a source of images.

Nothing is unpacked: it is read once to know its files and their digests, and again for what is
sent, in its own order.
"""

from __future__ import annotations

import gzip
import hashlib
import tarfile
import time
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from whisklab.errors import BadInput
from whisklab.images.directories import Directory
from whisklab.images.manifests import LARGEST
from whisklab.images.sources import CHUNK, GZIP, Source

_OTHERS = {b"\x28\xb5\x2f\xfd": "zstd", b"\xfd7zXZ": "xz", b"BZh": "bzip2"}
_DOCUMENTS = 64 << 20  # bytes of all manifests and configurations that are kept in memory
_BLOCK = 512  # of tar
_DAMAGED = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile)


@dataclass(frozen=True)
class _Member:
    offset: int
    size: int
    sha256: str


class Archive:
    """The files of a tar archive, compressed by gzip or not."""

    def __init__(self, path: Path, file: BinaryIO) -> None:
        """Read it once.

        Raises:
            BadInput: it is none, is damaged, or ends early.
        """
        self.label = str(path)
        self._file = file
        self._members: dict[str, _Member] = {}
        self._links: dict[str, str] = {}
        self._documents: dict[str, bytes] = {}
        try:
            self._scan()
        except _DAMAGED as error:
            raise BadInput(f"{path}: is no whole archive: {error}: save the image again") from error

    def has(self, name: str) -> bool:
        """As `Source` says."""
        return self._real(name) in self._members

    def size(self, name: str) -> int:
        """As `Source` says."""
        return self._members[self._real(name)].size

    def sha256(self, name: str) -> str:
        """As `Source` says."""
        return self._members[self._real(name)].sha256

    def document(self, name: str) -> bytes:
        """As `Source` says."""
        found = self._documents.get(self._real(name))
        if found is None:
            raise BadInput(f"{self.label}: {name} is no JSON, or too large")
        return found

    def place(self, name: str) -> int:
        """As `Source` says."""
        return self._members[self._real(name)].offset

    def read(self, name: str, offset: int) -> Iterator[bytes]:
        """As `Source` says."""
        member = self._members[self._real(name)]
        self._forward(member.offset + offset)
        left = member.size - offset
        while left > 0:
            data = self._file.read(min(CHUNK, left))
            if not data:
                raise BadInput(f"{self.label}: has become shorter while it was read")
            left -= len(data)
            yield data

    def _forward(self, target: int) -> None:
        # In steps, since a compressed one is unpacked up to there: others in this process go on.
        while (step := self._file.tell() + CHUNK) < target:
            self._file.seek(step)
            time.sleep(0)
        self._file.seek(target)

    def _scan(self) -> None:
        with tarfile.open(fileobj=self._file, mode="r:") as archive:
            while (found := archive.next()) is not None:
                self._add(found)
                # There it reads on without a step back, which in a compressed one is a new begin.
                self._file.read(archive.offset - self._file.tell())
            end = archive.offset
        # Who writes archives ends them with blocks of zeros; without, the rest may be missing.
        self._file.seek(end)
        if self._file.read(_BLOCK) != bytes(_BLOCK):
            raise tarfile.ReadError("its end is missing")
        while self._file.read(CHUNK):  # to where gzip has its own checksum
            pass

    def _add(self, found: tarfile.TarInfo) -> None:
        name = found.name.removeprefix("./")
        if found.issym() or found.islnk():
            # `docker save` of old links equal layers: `../<id>/layer.tar`.
            self._links[name] = found.linkname.removeprefix("./").removeprefix("../")
        elif found.isreg() and not found.issparse():
            self._members[name] = self._hashed(name, found)

    def _hashed(self, name: str, found: tarfile.TarInfo) -> _Member:
        self._file.seek(found.offset_data)
        digest, left, kept = hashlib.sha256(), found.size, b""
        is_document = found.size <= LARGEST and sum(map(len, self._documents.values())) < _DOCUMENTS
        while left > 0:
            data = self._file.read(min(CHUNK, left))
            if not data:
                raise tarfile.ReadError(f"it ends within {name}")
            left -= len(data)
            digest.update(data)
            is_document = is_document and (kept or data)[:1] in (b"{", b"[")
            kept = kept + data if is_document else b""
        if is_document:
            self._documents[name] = kept
        return _Member(found.offset_data, found.size, digest.hexdigest())

    def _real(self, name: str) -> str:
        return self._links.get(name, name)


@contextmanager
def opened(path: Path) -> Iterator[Source]:
    """Open a directory or an archive.

    Raises:
        BadInput: it is neither, cannot be read, or is damaged.
    """
    if path.is_dir():
        yield Directory(path)
        return
    try:
        with path.open("rb") as raw:
            head = raw.read(6)
            raw.seek(0)
            other = next((name for magic, name in _OTHERS.items() if head.startswith(magic)), None)
            if other:
                raise BadInput(f"{path}: is compressed by {other}: unpack it, or use gzip")
            packed = head.startswith(GZIP)
            file = cast("BinaryIO", gzip.GzipFile(fileobj=raw)) if packed else raw
            yield Archive(path, file)
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror or error}") from error
