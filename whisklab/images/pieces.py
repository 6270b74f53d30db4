"""Bytes in pieces of one size, taken in pieces of another. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from whisklab.errors import WhisklabError


def lengths(size: int, first: int, part: int) -> Iterator[int]:
    """Yield the lengths of the parts of so many bytes: of none, one that is empty.

    Args:
        size: of all.
        first: of the first part at most.
        part: of each other one at most.
    """
    yield min(first, size)
    for start in range(first, size, part):
        yield min(part, size - start)


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
