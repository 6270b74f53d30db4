"""Bytes in pieces of one size, taken in pieces of another; and how large these may be."""

from __future__ import annotations

from collections.abc import Iterator

from whisklab.errors import WhisklabError

# Bytes; at most so many are sent twice after a cut. Distribution waits for its disk after each:
# 500 MB took twice as long in parts of 8 MB, and about as long as with `skopeo copy` in these.
PART = 32 << 20
# After a cut that brought nothing. Who refuses a part before it has read it, as on a full disk, may
# close the connection, and the answer is lost; Go's server reads 256 kB of it nevertheless.
SMALL = 64 << 10


class Parts:
    """How much a registry takes in one request, which shows by trying.

    Attributes:
        is_whole: it takes a blob in one request only.
        least: bytes that a part must have unless it is the last one, as the registry says.
    """

    def __init__(self) -> None:
        self.is_whole, self.least = False, 0
        self._size = self._most = PART
        self._lost: set[int] = set()

    def next(self, left: int) -> int:
        """Return the length of the next part of so many bytes."""
        return left if self.is_whole else min(left, max(self._size, self.least))

    def arrived(self, length: int) -> None:
        """Hear that a part is there: the next one may be larger."""
        if length >= self._size:
            self._size = min(2 * self._size, self._most)

    def lost(self, length: int) -> None:
        """Hear of a cut that brought nothing: the next part is small, and tells why perhaps.

        Where it was no accident, as with a front end's limit of time, it happens again: then
        parts stay smaller.
        """
        if length in self._lost:
            self._most = max(length // 2, SMALL)
        self._lost.add(length)
        self._size = min(SMALL, self._most)

    def refused(self, length: int) -> bool:
        """Hear that a part was too large; return whether it can be smaller."""
        if self.is_whole or length <= max(SMALL, self.least):
            return False
        self._size = self._most = max(length // 2, SMALL)
        return True


class Pieces:
    """Bytes that come in pieces, taken in other ones."""

    def __init__(self, source: Iterator[bytes]) -> None:
        self._source, self._left = source, b""

    def take(self, length: int) -> Iterator[bytes]:
        """Yield the next bytes, so many together.

        Raises:
            WhisklabError: there are less.
        """
        while length:
            piece = self._left or next(self._source, b"")
            if not piece:
                raise WhisklabError("it has changed while it was read: run again")
            now, self._left = piece[:length], piece[length:]
            length -= len(now)
            yield now
