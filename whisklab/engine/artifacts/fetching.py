"""Artifacts on the laptop: fetched once, checked, made ready for the way to hosts."""

from __future__ import annotations

import gzip
import hashlib
import secrets
import shutil
import tarfile
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO
from urllib.parse import unquote, urlparse

from gevent.lock import BoundedSemaphore
from pyinfra import logger

from whisklab.engine import runs
from whisklab.engine.artifacts.entries import BUNDLE, Artifact
from whisklab.engine.artifacts.node_images import ENDING
from whisklab.engine.cache import cached, sha256_of, writing
from whisklab.engine.urls import wrong_checksum
from whisklab.errors import WhisklabError
from whisklab.paths import cache_dir

CHUNK = 1 << 20
COMPRESSED = (".gz", ".tgz", ".zst", ".xz", ".bz2", ".deb", ENDING)


class _Turn(BoundedSemaphore):
    """All hosts of a run want the same file, and one of them fetches it for all."""


def fetch(artifact: Artifact, report: Callable[[str], None] = logger.info) -> Path:
    """Return the artifact's file on the laptop, downloading it into the cache when it lacks.

    Idempotent; a file is in the cache only after its checksum was right.

    Args:
        artifact: which.
        report: hears of the progress.

    Raises:
        WhisklabError: the source does not answer, breaks off, or has another checksum; or the
            cache cannot be written.
    """
    with _one_at_a_time():
        return _fetch(artifact, report)


def _one_at_a_time() -> AbstractContextManager[object]:
    run = runs.if_any()
    return nullcontext() if run is None else run.part(_Turn)


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
    kept = cached(artifact.source.sha256, artifact.file_name)
    if _is_local(artifact):
        named = Path(unquote(urlparse(artifact.source.url).path))
        # What lay on the laptop that built a bundle came with that bundle.
        return kept if kept.is_file() and not named.is_file() else named
    return kept


def _fetch(artifact: Artifact, report: Callable[[str], None]) -> Path:
    path = _place(artifact)
    if _is_local(artifact):
        if not path.is_file():
            raise WhisklabError(f"{artifact}: {path} is not there: build or copy it again")
        _check(artifact, path)
        return path
    if not path.is_file():
        if artifact.source.url.startswith(BUNDLE):
            raise WhisklabError(
                f"{artifact}: this laptop's cache has it not: `whisklab bundle upload` of the "
                "bundle that has it brings it"
            )
        from whisklab.engine.artifacts.downloads import download  # noqa: PLC0415  see urls.py
        from whisklab.engine.artifacts.sources import locate  # noqa: PLC0415

        place = locate(str(artifact), artifact.source.url, artifact.version)
        wanted = artifact.source.sha256
        if place.sha256 not in (None, wanted):
            raise WhisklabError(
                wrong_checksum(str(artifact), artifact.source.url, wanted, str(place.sha256))
            )
        download(str(artifact), place.url, path, wanted, report, place.headers)
    return path


def _check(artifact: Artifact, path: Path) -> None:
    found = sha256_of(path)
    if found != artifact.source.sha256:
        raise WhisklabError(
            wrong_checksum(str(artifact), artifact.source.url, artifact.source.sha256, found)
        )


@dataclass(frozen=True)
class Pushable:
    """A file to send: whether it is packed for the way, and its checksum there, unpacked."""

    path: Path
    packed: bool
    sha256: str


def to_push(artifact: Artifact) -> Pushable:
    """Return the file to send, compressed if it is not yet; all of it stays in the cache."""
    local = fetch(artifact)
    sha256 = artifact.source.sha256
    if artifact.member:
        local = member(artifact)
        sha256 = sha256_of(local)
    if local.name.endswith(COMPRESSED):
        return Pushable(local, packed=False, sha256=sha256)
    packed = cache_dir() / "packed" / f"{sha256}.gz"
    with _one_at_a_time(), writing(packed.parent):
        if not packed.is_file():
            with local.open("rb") as plain:
                _store(packed, lambda part: _pack(plain, part))
    return Pushable(packed, packed=True, sha256=sha256)


def member(artifact: Artifact) -> Path:
    """Return the artifact's member on the laptop, taken from its archive when it lacks.

    Raises:
        WhisklabError: the archive cannot be had (see `fetch`) or read, or has no such file.
    """
    archive, name, path = fetch(artifact), str(artifact.member), _member_place(artifact)
    with _one_at_a_time(), writing(path.parent):
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
