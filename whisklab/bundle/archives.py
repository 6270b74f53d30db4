"""Archives of Debian packages: from the signed list to the description of each package.

As apt does it: InRelease says the SHA-256 of the indexes, these say that of each package's file.
"""

from __future__ import annotations

import gzip
import lzma
import re
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path, PurePosixPath

import httpx
from debian.deb822 import Deb822

from whisklab.bundle import asking, signed
from whisklab.bundle.indexes import Catalogued
from whisklab.engine.artifacts.downloads import Report, WrongChecksum, client, download
from whisklab.engine.cache import cached
from whisklab.engine.debian.sources import Archive
from whisklab.errors import WhisklabError
from whisklab.images.answers import NOT_FOUND, OK

_ENDINGS = (".xz", ".gz", "")  # of an index, the smallest first
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class _Release:
    """What an archive says of a suite: path of each index to its SHA-256; whether by hash too."""

    indexes: Mapping[str, str]
    by_hash: bool


class Archives:
    """Archives as a build reads them, each once.

    Args:
        report: hears of the progress.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._http: httpx.Client | None = None
        self._releases: dict[Archive, _Release | None] = {}

    @property
    def http(self) -> httpx.Client:
        """The one client, made when it is needed first."""
        if self._http is None:
            self._http = client()
        return self._http

    def packages(self, archives: Iterable[Archive], architecture: str) -> Catalogued:
        """Return what archives have for an architecture.

        Raises:
            WhisklabError: one cannot be read, was not signed by whom it should, or has expired.
        """
        texts = [
            (each.url, text) for each in archives for text in self._indexes(each, architecture)
        ]
        return Catalogued(texts, architecture)

    def _indexes(self, archive: Archive, architecture: str) -> Iterator[str]:
        base = f"{archive.url}/{_suite(archive)}"
        release = self._release(archive, base)
        names = [f"{each}/binary-{architecture}/Packages" for each in archive.components]
        for name in names or ["Packages"]:
            self._report(f"{archive}: reading {name}")
            yield self._index(archive, base, name, release)

    def _release(self, archive: Archive, base: str) -> _Release | None:
        if archive not in self._releases:
            self._releases[archive] = self._read_release(archive, base)
        return self._releases[archive]

    def _read_release(self, archive: Archive, base: str) -> _Release | None:
        if archive.keyring is not None:
            url = f"{base}/InRelease"
            data = self._asked(url)
            if data is None:
                raise WhisklabError(f"{url} answers 404: {_OTHER}")
            return _release(signed.content(data, archive.keyring, url), url, archive)
        for name in ("InRelease", "Release"):
            data = self._asked(f"{base}/{name}")
            if data is not None:
                return _release(_unarmoured(data), f"{base}/{name}", archive)
        return None  # one of `dpkg-scanpackages`, which is trusted as it is

    def _index(self, archive: Archive, base: str, name: str, release: _Release | None) -> str:
        for ending in _ENDINGS:
            whole = name + ending
            url = f"{base}/{whole}"
            if release is None:
                data = self._asked(url)
            elif whole in release.indexes:
                data = self._verified(base, whole, release)
            else:
                continue
            if data is not None:
                return _unpacked(data, ending, url)
        raise WhisklabError(f"{archive}: has no {name}: {_OTHER}")

    def _verified(self, base: str, name: str, release: _Release) -> bytes | None:
        """Return an index of the SHA-256 that is signed; None where it is not there."""
        sha256 = release.indexes[name]
        path = cached(sha256, PurePosixPath(name).name)
        hashed = f"{PurePosixPath(name).parent}/by-hash/SHA256/{sha256}"
        for each in ([hashed] if release.by_hash else []) + [name]:
            url = f"{base}/{each}"
            try:
                bring(url, url, path, sha256, self._report, self.http)
            except WrongChecksum:
                raise WhisklabError(
                    f"{url}: has other bytes than its archive has signed: it is damaged, or was "
                    "just changed: run again, or name another source (bundle_packages)"
                ) from None
            except Gone:
                continue
            return path.read_bytes()
        return None

    def _asked(self, url: str) -> bytes | None:
        answer = asking.patiently(lambda: asking.get(self.http, url, {}))
        if answer.status == NOT_FOUND:
            return None
        if answer.status != OK:
            raise WhisklabError(f"{url} answers {answer.status}: {_OTHER}")
        return answer.data


_OTHER = "see that it may be read, or name another source (bundle_packages)"


class Gone(WhisklabError):
    """A file is not at its place any more."""


def bring(what: str, url: str, path: Path, sha256: str, report: Report, http: httpx.Client) -> None:
    """Have a file in the cache, continued where an earlier run broke off.

    Raises:
        Gone: it is not there.
        WhisklabError: as `download`.
    """
    if path.is_file():
        return
    try:
        asking.patiently(lambda: download(what, url, path, sha256, report, None, http))
    except WhisklabError as error:
        cause = error.__cause__
        if isinstance(cause, httpx.HTTPStatusError) and cause.response.status_code in _NOT_THERE:
            raise Gone(str(error)) from error
        raise


_NOT_THERE = (httpx.codes.NOT_FOUND, httpx.codes.GONE)


def _suite(archive: Archive) -> str:
    return archive.suite.strip("/") or "." if not archive.components else f"dists/{archive.suite}"


def _unarmoured(data: bytes) -> bytes:
    """Return what stands within a clear signature, which nobody asked to be checked."""
    text = data.decode("utf-8", "replace")
    if not text.startswith("-----BEGIN PGP SIGNED"):
        return data
    inner = text.partition("\n\n")[2].partition("-----BEGIN PGP SIGNATURE")[0]
    return inner.encode()


def _release(data: bytes, url: str, archive: Archive) -> _Release:
    fields = Deb822(data.decode("utf-8", "replace").splitlines())
    until = _ends(fields.get("Valid-Until", ""))
    if until is not None and until < datetime.now(UTC) and not archive.may_be_old:
        raise WhisklabError(
            f"{url}: was valid until {until:%Y-%m-%d}: the archive is no longer kept up to date: "
            "name another source, or [check-valid-until=no] for a dated one (bundle_packages)"
        )
    rows = [line.split() for line in fields.get("SHA256", "").splitlines()]
    indexes = {row[2]: row[0] for row in rows if len(row) == 3 and _SHA256.fullmatch(row[0])}  # noqa: PLR2004  sum, size, path
    return _Release(indexes, fields.get("Acquire-By-Hash", "").lower() == "yes")


def _ends(text: str) -> datetime | None:
    try:
        found = parsedate_to_datetime(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _unpacked(data: bytes, ending: str, url: str) -> str:
    unpack = {".xz": lzma.decompress, ".gz": gzip.decompress}.get(ending, bytes)
    try:
        return unpack(data).decode("utf-8", "replace")
    except (lzma.LZMAError, OSError, EOFError, zlib.error) as error:
        raise WhisklabError(f"{url}: cannot be unpacked ({error}): {_OTHER}") from error
