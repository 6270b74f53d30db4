"""The archive of a bundle, compared byte by byte with what its manifest says must be there."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from whisklab.bundle import tar
from whisklab.bundle.volume import Volume
from whisklab.engine.artifacts.downloads import PROGRESS_EVERY, Report, progress

_AGAIN = "copy it again"
_SHOWN = 10  # sentences on what is missing; who lacks more has lost the whole


@dataclass
class Scan:
    """One reading of an archive.

    Attributes:
        volume: the bundle.
        wanted: its files, in their order.
        digests: name to SHA-256 of those whose bytes are compared.
        titles: name to how sentences call it.
        report: hears of the progress.
        problems: what was found; sentences.
        places: name of each file that was there to where its bytes begin.
    """

    volume: Volume
    wanted: Sequence[tar.Entry]
    digests: Mapping[str, str]
    titles: Mapping[str, str]
    report: Report
    problems: list[str] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)
    _told: float = field(default_factory=time.monotonic)

    def run(self) -> None:
        """Read it; what is wrong is in `problems`."""
        offset, missing, waiting = 0, list[tar.Entry](), list(self.wanted)
        while waiting:
            entry = waiting[0]
            if offset >= self.volume.size:
                break
            offset, skipped = self._next(offset, entry, waiting)
            missing += skipped
            del waiting[: len(skipped)]
        self._missing(missing)
        if waiting:
            self._ends(waiting)
        else:
            self._end(offset)

    def content(self, name: str) -> bytes | None:
        """Return the bytes of a small file that `run` has come by, None for none."""
        entry = next((each for each in self.wanted if each.name == name), None)
        if entry is None or name not in self.places:
            return None
        return self.volume.read(self.places[name], entry.size)

    def _title(self, entry: tar.Entry) -> str:
        return self.titles.get(entry.name, entry.name)

    def _next(
        self, offset: int, entry: tar.Entry, waiting: list[tar.Entry]
    ) -> tuple[int, list[tar.Entry]]:
        """Compare what begins at `offset`; return where the next begins, and what was not there."""
        block = self.volume.read(offset, tar.BLOCK)
        if block == tar.header(entry):
            return self._compared(offset, waiting), []
        if len(block) < tar.BLOCK:
            return self.volume.size, []
        if block == bytes(tar.BLOCK):  # the end of an archive
            return offset, list(waiting)
        found = tar.parsed(block)
        if found is not None and found in waiting:
            return offset, waiting[: waiting.index(found)]
        if found is not None:
            self.problems.append(
                f"{found.name}: is in the archive ({self.volume.where(offset)}) and not in its "
                f"manifest: somebody has changed the bundle: get it again"
            )
            return offset + found.span, []
        self.problems.append(
            f"{self._title(entry)}: its header ({self.volume.where(offset)}) is damaged: {_AGAIN}"
        )
        return self._compared(offset, waiting), []

    def _compared(self, offset: int, waiting: list[tar.Entry]) -> int:
        """Compare the bytes and the padding of a file; return where the next one begins."""
        entry = waiting.pop(0)
        begin = offset + tar.BLOCK
        self.places[entry.name] = begin
        end = begin + entry.size
        if end + tar.padding(entry.size) > self.volume.size:
            waiting.insert(0, entry)
            return self.volume.size
        if entry.name in self.digests and self._sha256(begin, entry) != self.digests[entry.name]:
            self.problems.append(
                f"{self._title(entry)}: its bytes ({self.volume.where(begin)} and the "
                f"{entry.size} that begin there) are damaged: {_AGAIN}"
            )
        pad = tar.padding(entry.size)
        if self.volume.read(end, pad) != bytes(pad):
            self.problems.append(
                f"{self._title(entry)}: the {pad} zeros behind it ({self.volume.where(end)}) are "
                f"damaged: {_AGAIN}"
            )
        return end + pad

    def _sha256(self, begin: int, entry: tar.Entry) -> str:
        digest, done = hashlib.sha256(), begin
        for data in self.volume.chunks(begin, entry.size):
            digest.update(data)
            done += len(data)
            if time.monotonic() - self._told > PROGRESS_EVERY:
                self._told = time.monotonic()
                of = progress(done, self.volume.size)
                self.report(f"{self.volume.label}: comparing {of}")
        return digest.hexdigest()

    def _missing(self, missing: Sequence[tar.Entry]) -> None:
        for entry in missing[:_SHOWN]:
            self.problems.append(
                f"{self._title(entry)}: is not in the archive, and its manifest promises it: get "
                "the bundle again, or build it again"
            )
        if len(missing) > _SHOWN:
            self.problems.append(f"{self.volume.label}: lacks {len(missing) - _SHOWN} more files")

    def _ends(self, waiting: Sequence[tar.Entry]) -> None:
        whole = tar.total(self.wanted)
        lacks = whole - self.volume.size
        if self.volume.gap:
            self.problems.append(self.volume.gap)
            return
        last = self.volume.parts[-1][0] if len(self.volume.parts) > 1 else None
        advice = f"copy it again, and the parts behind {last}, if any" if last else _AGAIN
        self.problems.append(
            f"{self.volume.label}: ends within {self._title(waiting[0])}: {self.volume.size} of "
            f"{whole} bytes are there, {lacks} are missing: {advice}"
        )

    def _end(self, offset: int) -> None:
        rest = self.volume.read(offset, len(tar.END) + 1)
        if rest == tar.END:
            return
        if self.volume.gap:
            self.problems.append(self.volume.gap)
        elif len(rest) < len(tar.END):
            self.problems.append(
                f"{self.volume.label}: ends {len(tar.END) - len(rest)} bytes before its end: "
                f"{_AGAIN}"
            )
        else:
            self.problems.append(
                f"{self.volume.label}: its end ({self.volume.where(offset)}) is damaged, or more "
                f"follows it: {_AGAIN}"
            )
