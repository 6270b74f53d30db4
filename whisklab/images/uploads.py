"""One blob into the registry, in parts; what was cut goes on where the registry says.

OCI distribution specification, "Pushing a blob in chunks". What it leaves open is as in CNCF
distribution 3.1 (registry/handlers/blobupload.go): after a cut it keeps what came of a part, a GET
of the upload tells how much that is and gives a new address, and the closing PUT may bring bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from whisklab.errors import WhisklabError
from whisklab.images import content
from whisklab.images.answers import NOT_FOUND, OUT_OF_RANGE, Cut, Refused
from whisklab.images.client import Registry, patiently
from whisklab.images.pieces import Pieces, lengths
from whisklab.images.remembered import Place

# Bytes; at most so many are sent twice after a cut. Distribution waits for its disk after each:
# 500 MB took twice as long in parts of 8 MB, and about as long as with `skopeo copy` in these.
PART = 32 << 20
# After a cut that brought nothing. Who refuses a part before it has read it, as on a full disk, may
# close the connection, and the answer is lost; Go's server reads 256 kB of it nevertheless.
SMALL = 64 << 10
TRIES = 8  # without a byte more in the registry
PAUSE = 0.25  # seconds before the second; twice as long each time, 32 s together
_STARTED, _OFFSET_TOLD, _CREATED, _BAD_REQUEST, _CANCELLED = 202, 204, 201, 400, 204
Bytes = Callable[[int], Iterator[bytes]]


class _Unknown(WhisklabError):
    """The registry does not know an upload (any more)."""


@dataclass
class Upload:
    """The upload of one blob.

    Attributes:
        registry: where it goes.
        repository: there.
        digest: of the blob.
        size: of it.
        read: yields its bytes from an offset on.
        place: where its address is remembered, None for nowhere.
        report: hears how many bytes of it the registry has.
        sent: how many bytes were sent, those twice that were sent twice.
        resumed: how many the registry had of an earlier one.
    """

    registry: Registry
    repository: str
    digest: str
    size: int
    read: Bytes
    place: Place | None
    report: Callable[[int], None]
    sent: int = 0
    resumed: int = 0
    _location: str = field(default="", repr=False)
    _offset: int = 0

    def run(self) -> None:
        """Have the blob in the registry.

        Raises:
            Cut: the connection broke off again and again; a later one goes on.
            WhisklabError: the registry refuses it.
        """
        location = self.place.location if self.place else ""
        tries, furthest = 0, -1
        while True:
            try:
                self._locate(location)
                if furthest < 0:
                    self.resumed = self._offset
                tries = 0 if self._offset > furthest else tries
                furthest = max(furthest, self._offset)
                self._send(SMALL if tries else PART)
                break
            except Cut:
                location, tries = self._location or location, self._again(tries)
            except _Unknown:
                location, tries = "", self._again(tries)
        if self.place:
            self.place.forget()

    @staticmethod
    def _again(tries: int) -> int:
        """Wait before another try; called where the last one has failed, whose error it raises."""
        if tries + 1 == TRIES:
            raise  # noqa: PLE0704  the error at hand
        time.sleep(PAUSE * 2**tries)
        return tries + 1

    def _locate(self, location: str) -> None:
        """Know address and offset of the upload at an address, or of a new one."""
        if location and self._resumes(location):
            return
        # An answer that was lost on the way may have been that the blob is whole.
        if location and content.has_blob(self.registry, self.repository, self.digest):
            self._offset, self._location = self.size, ""
        else:
            if self.place:
                self.place.keep("")
            path = f"{self.registry.path(self.repository)}/blobs/uploads/"
            answer = self.registry.ask("POST", path, body=b"", expected=(_STARTED,))
            self._location, self._offset = answer.location, 0
            if self.place:
                self.place.keep(self._location)

    def _resumes(self, location: str) -> bool:
        try:
            answer = self.registry.ask("GET", location, expected=(_OFFSET_TOLD,))
        except Refused as error:
            if error.status in {NOT_FOUND, _BAD_REQUEST}:
                return False
            raise
        # "0-0" is nothing as well as one byte: a wrong guess is refused.
        last = answer.headers.get("range", "").rpartition("-")[2]
        self._offset = int(last) + 1 if last.isdigit() and last != "0" else 0
        self._location = answer.location
        return self._offset <= self.size

    def _send(self, first: int) -> None:
        self.report(self._offset)
        if not self._location:
            return
        data = Pieces(self.read(self._offset))
        for length in lengths(self.size - self._offset, first, PART):
            try:
                self._part(self._counted(data.take(length)), length)
            except Refused as error:
                self._refused(error)
                return
            self.report(self._offset)

    def _counted(self, data: Iterator[bytes]) -> Iterator[bytes]:
        for piece in data:
            self.sent += len(piece)
            yield piece

    def _part(self, data: Iterator[bytes], length: int) -> None:
        end = self._offset + length
        headers = {
            "Content-Type": "application/octet-stream",
            "Content-Length": str(length),
            "Content-Range": f"{self._offset}-{end - 1}",
        }
        if end < self.size:
            answer = self.registry.ask(
                "PATCH", self._location, body=data, headers=headers, expected=(_STARTED,)
            )
            self._location = answer.location
        else:
            self._close(data if length else b"", headers)
        self._offset = end

    def _close(self, data: Iterator[bytes] | bytes, headers: dict[str, str]) -> None:
        joint = "&" if "?" in self._location else "?"
        path = f"{self._location}{joint}digest={self.digest}"
        if not data:
            del headers["Content-Range"]
        self.registry.ask("PUT", path, body=data, headers=headers, expected=(_CREATED,))

    def _refused(self, error: Refused) -> None:
        """Do nothing if another push has brought the blob meanwhile.

        Raises:
            Cut: the offset is another one than was thought.
            _Unknown: the upload is not there (any more), or was made of other bytes.
            Refused: for good.
        """
        if error.status == OUT_OF_RANGE and self._offset:
            raise Cut(str(error)) from error
        if content.has_blob(self.registry, self.repository, self.digest):
            return
        if error.status in {NOT_FOUND, _BAD_REQUEST, OUT_OF_RANGE}:
            raise _Unknown(str(error)) from error
        self._cancel()
        raise error

    def _cancel(self) -> None:
        """Take away what came, so that a full disk is not fuller after each try."""
        try:
            ask = self.registry.ask
            found = patiently(lambda: ask("GET", self._location, expected=(_OFFSET_TOLD,)))
            patiently(lambda: ask("DELETE", found.location, expected=(_CANCELLED, NOT_FOUND)))
        except (Cut, Refused):
            return  # the registry's own purge, or `images gc`, does it later
        if self.place:
            self.place.forget()
