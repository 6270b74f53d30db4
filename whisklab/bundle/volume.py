"""A bundle as one run of bytes, whether it is one file or several parts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from whisklab.bundle.parts import CHUNK, part
from whisklab.errors import BadInput

_MOST = 999  # parts


@dataclass(frozen=True)
class _File:
    path: Path
    start: int
    size: int
    file: BinaryIO


class Volume:
    """The bytes of a bundle.

    Args:
        label: how sentences call it.
        files: of it, in their order.
        gap: the sentence on a part that is missing between others, "" for none.
    """

    def __init__(self, label: str, files: list[_File], gap: str = "") -> None:
        self.label, self.gap = label, gap
        self._files = files
        self.size = sum(each.size for each in files)

    @property
    def parts(self) -> list[tuple[Path, int]]:
        """Path and size of each file."""
        return [(each.path, each.size) for each in self._files]

    def read(self, offset: int, count: int) -> bytes:
        """Return some bytes, fewer at the end."""
        found = b""
        while len(found) < count:
            each = self._at(offset + len(found))
            if each is None:
                break
            each.file.seek(offset + len(found) - each.start)
            data = each.file.read(count - len(found))
            if not data:  # it has become shorter since
                break
            found += data
        return found

    def chunks(self, offset: int, count: int) -> Iterator[bytes]:
        """Yield bytes, some at a time; fewer at the end."""
        while count > 0 and (data := self.read(offset, min(CHUNK, count))):
            yield data
            offset += len(data)
            count -= len(data)

    def where(self, offset: int) -> str:
        """Return the file that has a byte, and which byte of it."""
        each = self._at(offset)
        return f"byte {offset - each.start} of {each.path}" if each else f"the end of {self.label}"

    def _at(self, offset: int) -> _File | None:
        return next(
            (each for each in self._files if each.start <= offset < each.start + each.size), None
        )


@contextmanager
def opened(path: Path) -> Iterator[Volume]:
    """Open a bundle: FILE, or its parts FILE.001, FILE.002, ....

    Raises:
        BadInput: there is none, or it cannot be read.
    """
    whole = path.with_suffix("") if _is_part(path) else path
    paths, gap = [whole], ""
    if not whole.is_file():
        there = [each for each in (part(whole, number) for number in range(1, _MOST + 1))
                 if each.is_file()]  # fmt: skip
        if not there:
            raise BadInput(f"{path}: there is no such bundle, and no parts of one ({whole}.001)")
        paths, gap = _in_order(whole, there)
    with ExitStack() as stack:
        try:
            yield Volume(str(whole), _opened(paths, stack), gap)
        except OSError as error:
            raise BadInput(
                f"{whole}: cannot be read ({error.strerror or error}): copy it again"
            ) from error


def _is_part(path: Path) -> bool:
    first = part(path.with_suffix(""), 1)
    is_numbered = len(path.suffix) == len(first.suffix) and path.suffix[1:].isdigit()
    return is_numbered and (first.is_file() or not path.is_file())


def _in_order(whole: Path, there: list[Path]) -> tuple[list[Path], str]:
    """Return the parts up to the first that is missing or cut, and a sentence on that one.

    All but the last are of one size. Whether that one is whole, the archive itself tells.
    """
    sizes = [each.stat().st_size for each in there]
    for number, each in enumerate(there, 1):
        size = sizes[number - 1]
        if each != (wanted := part(whole, number)):
            gap = f"{wanted}: this part is missing, and {each.name} is there: copy it, too"
        elif each != there[-1] and size != max(sizes):
            gap = f"{each}: has {size} bytes, and other parts {max(sizes)}: copy it again"
        else:
            continue
        return there[: number - 1], gap
    return there, ""


def _opened(paths: list[Path], stack: ExitStack) -> list[_File]:
    files, start = [], 0
    for each in paths:
        file = stack.enter_context(each.open("rb"))
        size = each.stat().st_size
        files.append(_File(each, start, size, file))
        start += size
    return files
