"""Downloads to the laptop: continued where they broke off, checked, safe against a second run.

What has arrived stays in `<file>.part` until the whole is there; a note beside it says from which
URL and of which state of the file it is. Proxies are those of the environment (http_proxy,
https_proxy, no_proxy), as httpx understands them.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import BinaryIO

import httpx

from whisklab.engine import limits
from whisklab.engine.cache import sha256_of, writing
from whisklab.engine.urls import wrong_checksum
from whisklab.errors import WhisklabError

Report = Callable[[str], None]

PROGRESS_EVERY = 2.0  # seconds
_POLL = 0.2
# A packed transfer could not be continued at a byte of the file.
WHOLE = {"Accept-Encoding": "identity"}
NO_CONTINUATION = (httpx.codes.PARTIAL_CONTENT, httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE)


class WrongChecksum(WhisklabError):
    """What came has another checksum than it must have."""


def client() -> httpx.Client:
    """Return an HTTP client that follows redirections and honours the environment's proxies.

    Raises:
        WhisklabError: a proxy variable cannot be used. Its value may hold a password: not shown.
    """
    try:
        return httpx.Client(follow_redirects=True, timeout=limits.DOWNLOAD_SILENT)
    except OSError as error:
        raise WhisklabError(
            f"the certificates of SSL_CERT_FILE or SSL_CERT_DIR cannot be read ({error.strerror})"
        ) from error
    except (ValueError, ImportError, httpx.InvalidURL):
        raise WhisklabError(
            "http_proxy, https_proxy or all_proxy in the environment cannot be used: "
            "expected http://HOST:PORT"
        ) from None


def download(
    what: str,
    url: str,
    path: Path,
    sha256: str | None,
    report: Report,
    headers: Mapping[str, str] | None = None,
    http: httpx.Client | None = None,
) -> str:
    """Have the file of `url` at `path`, whole and checked, and return its SHA-256.

    Idempotent. A part that an earlier run left is continued if the server can; a part of which the
    sum turns out wrong is thrown away. A second run waits for the first.

    Args:
        what: how sentences call it.
        url: http or https.
        path: where it goes; missing directories are made.
        sha256: what it must be; None: not known yet, and a part is then continued only when the
            server says that the file is the same.
        report: hears of the progress.
        headers: to send along.
        http: the client to use; who fetches many files has one for all, its own is made slowly.

    Raises:
        WhisklabError: the source does not answer, breaks off, has another checksum, or there is no
            place for it.
    """
    with writing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with _part(path, what, report) as file:
            if file is not None:
                with nullcontext(http) if http else client() as used:
                    return _complete(what, url, file, path, sha256, report, headers or {}, used)
        return sha256_of(path)  # another run was first


def _complete(
    what: str,
    url: str,
    file: BinaryIO,
    path: Path,
    sha256: str | None,
    report: Report,
    more: Mapping[str, str],
    http: httpx.Client,
) -> str:
    part, note = _names(path)
    is_known = sha256 is not None
    continued = _transfer(what, url, file, note, more, http, checked=is_known, report=report)
    if continued and sha256 not in (None, sha256_of(part)):
        report(f"{what}: what an earlier run left is of another file, starting over")
        _restart(file)
        _transfer(what, url, file, note, more, http, checked=False, report=report)
    note.unlink(missing_ok=True)
    found = sha256_of(part)
    if sha256 not in (None, found):
        part.unlink()
        raise WrongChecksum(wrong_checksum(what, url, sha256, found))
    part.replace(path)
    return found


def _names(path: Path) -> tuple[Path, Path]:
    return path.with_name(path.name + ".part"), path.with_name(path.name + ".part.from")


@contextmanager
def _part(path: Path, what: str, report: Report) -> Iterator[BinaryIO | None]:
    """Open the part for us alone; None when another run has completed the file meanwhile."""
    part, note = _names(path)
    told = False
    while not path.is_file():
        with part.open("ab") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not told:
                    report(f"{what}: another run is fetching it, waiting for that")
                    told = True
                # Not a blocking flock: under gevent that would stop the whole process.
                time.sleep(_POLL)
                continue
            if _is_at(file, part) and not path.is_file():
                try:
                    yield file
                finally:
                    file.flush()
                    if _is_at(file, part) and not part.stat().st_size:
                        part.unlink()  # nothing came
                        note.unlink(missing_ok=True)
                return
    yield None


def _is_at(file: BinaryIO, path: Path) -> bool:
    """Whether the open file is still what `path` names: who had the lock may have moved it."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def _transfer(
    what: str,
    url: str,
    file: BinaryIO,
    note: Path,
    more: Mapping[str, str],
    http: httpx.Client,
    *,
    checked: bool,
    report: Report,
) -> bool:
    """Append what lacks; return whether an earlier part was continued."""
    offset = file.tell()
    try:
        for headers in (_range(url, offset, note, checked=checked), WHOLE):
            with http.stream("GET", url, headers={**WHOLE, **headers, **more}) as answer:
                if offset and _continues(answer, offset):
                    _receive(what, answer, file, report)
                    return True
                if headers != WHOLE and answer.status_code in NO_CONTINUATION:
                    continue  # the file there is another one: ask for all of it
                answer.raise_for_status()
                _restart(file)
                _remember(note, url, answer)
                _receive(what, answer, file, report)
                break
    except httpx.HTTPStatusError as error:
        raise WhisklabError(
            f"{what}: {url} answers {error.response.status_code}: check the version and the "
            "catalogue"
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise WhisklabError(
            f"{what}: the download from {url} broke off after {file.tell()} bytes "
            f"({str(error) or type(error).__name__}): run again, it continues there"
        ) from error
    return False


def _restart(file: BinaryIO) -> None:
    if file.tell():
        file.truncate(0)
        file.seek(0)


def _range(url: str, offset: int, note: Path, *, checked: bool) -> dict[str, str]:
    """Return the headers that ask for the rest, or for all when a part must not be continued."""
    if not offset:
        return WHOLE
    try:
        noted = json.loads(note.read_text(encoding="utf-8"))
        state = noted["state"] if noted["url"] == url else None
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        state = None
    if state:
        return {"Range": f"bytes={offset}-", "If-Range": state}
    return {"Range": f"bytes={offset}-"} if checked else WHOLE


def _continues(answer: httpx.Response, offset: int) -> bool:
    """Whether the answer is the rest after `offset`; nothing may lack, if all is there."""
    has = answer.headers.get("content-range", "")
    if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        return bool(has == f"bytes */{offset}")
    return answer.status_code == httpx.codes.PARTIAL_CONTENT and bool(
        re.match(rf"bytes {offset}-", has)
    )


def _remember(note: Path, url: str, answer: httpx.Response) -> None:
    etag = answer.headers.get("etag", "")
    # If-Range wants a strong validator (RFC 9110, 13.1.5).
    state = answer.headers.get("last-modified") if etag.startswith("W/") or not etag else etag
    part = note.with_name(note.name + ".new")
    part.write_text(json.dumps({"url": url, "state": state}), encoding="utf-8")
    part.replace(note)


def _receive(what: str, answer: httpx.Response, file: BinaryIO, report: Report) -> None:
    if answer.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
        return  # all of it was there
    start, told = file.tell(), time.monotonic()
    size = start + int(answer.headers.get("content-length", 0))
    if start:
        report(f"{what}: continuing after {start / 1e6:.0f} MB")
    for chunk in answer.iter_raw():
        file.write(chunk)
        if time.monotonic() - told > PROGRESS_EVERY:
            told = time.monotonic()
            report(f"{what}: {progress(file.tell(), size)}")
    file.flush()


def progress(done: int, size: int) -> str:
    """Return how far it is; `size` may be unknown (less than `done`). Pure."""
    of = f" of {size / 1e6:.0f}" if size >= done else ""
    return f"{done / 1e6:.0f}{of} MB"
