"""Where images come from: named files with known bytes, whatever holds them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

CHUNK = 1 << 20  # bytes
GZIP = b"\x1f\x8b"  # how its files begin


class Source(Protocol):
    """Named files."""

    label: str

    def has(self, name: str) -> bool:
        """Tell whether there is such a file."""

    def size(self, name: str) -> int:
        """Return its bytes."""

    def sha256(self, name: str) -> str:
        """Return its SHA-256, in hexadecimal."""

    def document(self, name: str) -> bytes:
        """Return a small file.

        Raises:
            BadInput: it is larger than a manifest may be.
        """

    def place(self, name: str) -> int:
        """Return a number by which files are in the order in which they are read best."""

    def read(self, name: str, offset: int) -> Iterator[bytes]:
        """Yield the bytes of a file from an offset on, some at a time."""
