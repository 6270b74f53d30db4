"""Artifacts: fetched once on the laptop, checked, pushed to the hosts that lack them."""

from __future__ import annotations

import gzip
import hashlib
import secrets
import shutil
import tarfile
import zlib
from collections.abc import Callable, Generator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import unquote, urlparse

from gevent.lock import BoundedSemaphore
from pyinfra import logger
from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand, QuoteString, StringCommand
from pyinfra.api.host import Host

from whisklab.engine import looks
from whisklab.engine.cache import cached, sha256_of, writing
from whisklab.engine.connector import WhiskSSH
from whisklab.engine.entries import Artifact
from whisklab.engine.files import script
from whisklab.engine.placed import UNPACKED, PlacedFile
from whisklab.engine.reasons import because
from whisklab.engine.remote import call
from whisklab.engine.urls import wrong_checksum
from whisklab.errors import WhisklabError
from whisklab.paths import cache_dir

CHUNK = 1 << 20
COMPRESSED = (".gz", ".tgz", ".zst", ".xz", ".bz2")
# What did not arrive whole must not stay: it is large, and nobody may come back for it.
_PUT = """
set -e; new="$1.whisklab-new" dir=$(dirname "$1"); mkdir -p "$dir"
free=$(($(stat -f -c '%f * %S' "$dir")))
if test "$7" -gt "$free"; then
  echo "$(($7 >> 20)) MB are needed, and $((free >> 20)) MB are free there: make room" >&2; exit 1
fi
trap 'rm -f "$new"' EXIT
if test "$4" = packed; then gzip -dc > "$new"; else cat > "$new"; fi
sum=$(sha256sum < "$new")
if test "${sum%% *}" != "$3"; then echo "it arrived broken" >&2; exit 1; fi
if test -n "$5"; then mkdir -p "$6"; echo "$3 $5" > "$6/$(printf %s "$1" | tr / _)"; fi
chown 0:0 "$new"; chmod "$2" "$new"; mv -f "$new" "$1"
"""
_one_at_a_time = BoundedSemaphore()


def fetch(artifact: Artifact) -> Path:
    """Return the artifact's file on the laptop, downloading it into the cache when it lacks.

    Idempotent; a file is in the cache only after its checksum was right.

    Raises:
        WhisklabError: the source does not answer, breaks off, or has another checksum; or the
            cache cannot be written.
    """
    with _one_at_a_time:
        return _fetch(artifact)


def fetched_already(artifact: Artifact) -> bool:
    """Tell whether the artifact is on the laptop, so that `fetch` asks nobody."""
    return _is_local(artifact) or _place(artifact).is_file()


def size(artifact: Artifact) -> int | None:
    """Return the bytes of the file, or member, as it is on a host; None before it was fetched."""
    path = _member_place(artifact) if artifact.member else _place(artifact)
    return path.stat().st_size if path.is_file() else None


def _is_local(artifact: Artifact) -> bool:
    return urlparse(artifact.source.url).scheme == "file"


def _place(artifact: Artifact) -> Path:
    if _is_local(artifact):
        return Path(unquote(urlparse(artifact.source.url).path))
    return cached(artifact.source.sha256, artifact.file_name)


def _fetch(artifact: Artifact) -> Path:
    path = _place(artifact)
    if _is_local(artifact):
        if not path.is_file():
            raise WhisklabError(f"{artifact}: {path} is not there: build or copy it again")
        _check(artifact, path)
        return path
    if not path.is_file():
        from whisklab.engine.downloads import download  # noqa: PLC0415  see urls.py
        from whisklab.engine.sources import locate  # noqa: PLC0415

        place = locate(str(artifact), artifact.source.url, artifact.version)
        wanted = artifact.source.sha256
        if place.sha256 not in (None, wanted):
            raise WhisklabError(
                wrong_checksum(str(artifact), artifact.source.url, wanted, str(place.sha256))
            )
        download(str(artifact), place.url, path, wanted, logger.info, place.headers)
    return path


def _check(artifact: Artifact, path: Path) -> None:
    found = sha256_of(path)
    if found != artifact.source.sha256:
        raise WhisklabError(
            wrong_checksum(str(artifact), artifact.source.url, artifact.source.sha256, found)
        )


@operation()
def fetched(artifact: Artifact, path: str) -> Generator[FunctionCommand]:
    """Have the artifact in the laptop's cache if this host lacks it at `path`.

    Its own operation, so that a run can fetch everything before it changes any host.
    """
    if not looks.once(PlacedFile, path=path).is_of(artifact.source.sha256):
        because(f"{artifact} is not on this host")

        def fetch_to_cache(_: Host) -> None:
            _to_push(artifact)

        yield call(fetch_to_cache)


@operation()
def pushed(
    artifact: Artifact, path: str, mode: str = "755"
) -> Generator[FunctionCommand | StringCommand]:
    """Have the artifact, or its member, at `path`: uploaded, verified there, then renamed.

    So a running binary can be replaced, and a broken upload leaves the old file.

    Args:
        artifact: what to put there; it belongs to root.
        path: absolute; missing directories are made.
        mode: octal.
    """
    found = looks.once(PlacedFile, path=path)
    if found.is_of(artifact.source.sha256):
        if why := found.why_not_usable(mode):
            because(why)
            yield StringCommand("chown", "0:0", QuoteString(path))
            yield StringCommand("chmod", mode, QuoteString(path))
    else:
        because(f"it is not {artifact}")

        def push_to_host(target: Host) -> None:
            push(target, artifact, path, mode)

        yield call(push_to_host)


def push(target: Host, artifact: Artifact, path: str, mode: str) -> None:
    """Upload the artifact to one host, compressed on the way if it is not yet.

    Raises:
        WhisklabError: the host refused it, or what arrived has another checksum.
    """
    connector = target.connector
    if not isinstance(connector, WhiskSSH):
        raise WhisklabError(f"{target.name} is not reached over SSH")
    source = _to_push(artifact)
    command = script(
        _PUT,
        path,
        mode,
        source.sha256,
        "packed" if source.packed else "plain",
        artifact.source.sha256 if artifact.member else "",
        UNPACKED,
        str(size(artifact)),
    )
    ok, stderr = connector.stream(command, source.path)
    if not ok:
        raise WhisklabError(
            f"{target.name}: {artifact} could not be put at {path}: "
            f"{stderr.strip() or 'the connection broke'}"
        )


@dataclass(frozen=True)
class _Pushable:
    """A file to send: whether it is packed for the way, and what it must be there."""

    path: Path
    packed: bool
    sha256: str


def _to_push(artifact: Artifact) -> _Pushable:
    """Return the file to send, compressed if it is not yet; all of it stays in the cache."""
    local = fetch(artifact)
    sha256 = artifact.source.sha256
    if artifact.member:
        local = member(artifact)
        sha256 = sha256_of(local)
    if local.name.endswith(COMPRESSED):
        return _Pushable(local, packed=False, sha256=sha256)
    packed = cache_dir() / "packed" / f"{sha256}.gz"
    with _one_at_a_time, writing(packed.parent):
        if not packed.is_file():
            with local.open("rb") as plain:
                _store(packed, lambda part: _pack(plain, part))
    return _Pushable(packed, packed=True, sha256=sha256)


def member(artifact: Artifact) -> Path:
    """Return the artifact's member on the laptop, taken from its archive when it lacks.

    Raises:
        WhisklabError: the archive cannot be had (see `fetch`) or read, or has no such file.
    """
    archive, name, path = fetch(artifact), str(artifact.member), _member_place(artifact)
    with _one_at_a_time, writing(path.parent):
        if not path.is_file():
            try:
                with tarfile.open(archive) as packed:
                    found = packed.extractfile(name)
                    if found is not None:
                        _store(path, lambda part: _copy(found, part))
            except (tarfile.TarError, KeyError, EOFError, zlib.error):
                logger.debug("%s: cannot be read as an archive with %s", archive, name)
        if not path.is_file():
            raise WhisklabError(
                f"{archive}: has no file {name} that could be read: mend `member` of "
                f"{artifact.product} in the catalogue"
            )
    return path


def _member_place(artifact: Artifact) -> Path:
    name = str(artifact.member)
    where = hashlib.sha256(f"{artifact.source.sha256} {name}".encode()).hexdigest()
    return cache_dir() / "members" / where / PurePosixPath(name).name


def _store(path: Path, write: Callable[[Path], None]) -> None:
    """Have a file in the cache, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        write(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)


def _copy(source: IO[bytes], part: Path) -> None:
    with part.open("wb") as file:
        shutil.copyfileobj(source, file, CHUNK)


def _pack(source: IO[bytes], part: Path) -> None:
    with gzip.open(part, "wb", compresslevel=1) as file:  # fast: the network is a lab's
        shutil.copyfileobj(source, file, CHUNK)
