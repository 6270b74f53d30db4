"""One blob into the registry, in parts; what was cut goes on where the registry says.

OCI distribution specification, "Pushing a blob in chunks". What it leaves open is as in CNCF
distribution 3.1 (registry/handlers/blobupload.go): after a cut it keeps what came of a part, a GET
of the upload tells how much that is and gives a new address, and the closing PUT may bring bytes.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn

from whisklab.errors import WhisklabError
from whisklab.images import content, sentences
from whisklab.images.answers import (
    NOT_ALLOWED,
    NOT_FOUND,
    NOT_IMPLEMENTED,
    OUT_OF_RANGE,
    TOO_LARGE,
    Cut,
    Refused,
    Reply,
)  # fmt: skip
from whisklab.images.client import Registry, patiently
from whisklab.images.pieces import Pieces
from whisklab.images.remembered import Place

TRIES = 8  # without a byte more in the registry
PAUSE = 0.25  # seconds before the second; twice as long each time, 32 s together
_STARTED, _OFFSET_TOLD, _CREATED, _BAD_REQUEST, _CANCELLED = 202, 204, 201, 400, 204
# What is there of an upload is not known, or not told.
_NO_STATE = {_BAD_REQUEST, NOT_FOUND, NOT_ALLOWED, NOT_IMPLEMENTED}
Bytes = Callable[[int], Iterator[bytes]]


class _Unknown(WhisklabError):
    """The registry does not know an upload (any more)."""


class _Otherwise(WhisklabError):
    """The registry wants the bytes in other parts."""


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
    _sending: int = 0  # bytes of the part that is under way

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
                self._send(in_vain=bool(tries))
                break
            except Cut as cut:
                location, tries = self._location or location, self._again(tries, cut.after)
            except _Unknown:
                location, tries = "", self._again(tries)
            except _Otherwise:
                location = self._location
        if self.place:
            self.place.forget()

    @staticmethod
    def _again(tries: int, after: float = 0.0) -> int:
        """Wait before another try; called where the last one has failed, whose error it raises.

        Args:
            tries: so far.
            after: seconds for which the registry wants to be left alone.
        """
        if tries + 1 == TRIES:
            raise  # noqa: PLE0704  the error at hand
        time.sleep(max(PAUSE * 2**tries, after))
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
            least = answer.headers.get("oci-chunk-min-length", "")
            self.registry.parts.least = int(least) if least.isdigit() else 0
            if self.place:
                self.place.keep(self._location)

    def _resumes(self, location: str) -> bool:
        try:
            answer = self.registry.ask("GET", location, expected=(_OFFSET_TOLD,))
        except Refused as error:
            if error.status in _NO_STATE:
                return False
            raise
        self._offset = _told(answer)
        self._location = answer.location
        return self._offset <= self.size

    def _send(self, *, in_vain: bool) -> None:
        self.report(self._offset)
        if not self._location:
            return
        if in_vain and self._sending:
            self.registry.parts.lost(self._sending)
        data, parts = Pieces(self.read(self._offset)), self.registry.parts
        while True:
            self._sending = parts.next(self.size - self._offset)
            is_last = self._offset + self._sending == self.size
            try:
                self._part(self._counted(data.take(self._sending)), self._sending)
            except Refused as error:
                self._refused(error)
                return
            parts.arrived(self._sending)
            self._sending = 0
            self.report(self._offset)
            if is_last:
                return

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
            if "range" in answer.headers and _told(answer) != end:
                raise Cut(f"{self.digest}: the registry has not taken a whole part: run again")
        else:
            self._close(data if length else b"", headers)
        self._offset = end

    def _close(self, data: Iterator[bytes] | bytes, headers: dict[str, str]) -> None:
        joint = "&" if "?" in self._location else "?"
        path = f"{self._location}{joint}digest={self.digest}"
        if not data or self.registry.parts.is_whole:
            del headers["Content-Range"]
        answer = self.registry.ask("PUT", path, body=data, headers=headers, expected=(_CREATED,))
        kept = answer.headers.get("docker-content-digest", self.digest)
        if kept != self.digest:
            raise WhisklabError(
                f"{self.repository}: the registry has kept {kept} instead of {self.digest}"
            )

    def _refused(self, error: Refused) -> None:
        """Do nothing if another push has brought the blob meanwhile.

        Raises:
            Cut: the offset is another one than was thought.
            _Unknown: the upload is not there (any more), or was made of other bytes.
            _Otherwise: it wants other parts.
            Refused: for good.
        """
        if error.status == TOO_LARGE:
            self._too_large(error)
        if error.status in {NOT_ALLOWED, NOT_IMPLEMENTED} and not self.registry.parts.is_whole:
            self.registry.parts.is_whole = True
            self._location = "" if self._offset else self._location
            raise _Otherwise(str(error)) from error
        if error.status == OUT_OF_RANGE and self._offset:
            raise Cut(str(error)) from error
        if content.has_blob(self.registry, self.repository, self.digest):
            return
        if error.status in {NOT_FOUND, _BAD_REQUEST, OUT_OF_RANGE}:
            raise _Unknown(str(error)) from error
        self._cancel()
        raise error

    def _too_large(self, error: Refused) -> NoReturn:
        if self.registry.parts.refused(self._sending):
            raise _Otherwise(str(error)) from error
        self._cancel()
        whole, access = self.registry.parts.is_whole, self.registry.access
        sentence = sentences.too_large(access, self._sending, whole=whole)
        raise Refused(sentence, error.status, error.code) from error

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


def _told(answer: Reply) -> int:
    """Return how many bytes of an upload the registry has, as it says. Pure."""
    # "0-0" is nothing as well as one byte: a wrong guess is refused.
    last = answer.headers.get("range", "").rpartition("-")[2]
    return int(last) + 1 if last.isdigit() and last != "0" else 0
