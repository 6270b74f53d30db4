"""The lock of the catalogue: resolving checksums and writing them down.

A checksum comes from the release's own list where the catalogue names one (`sums`), else it is
computed from the file itself. None is taken from anywhere else. A run that needs a file which
nobody has locked yet does that for this file alone.
"""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlparse

import httpx
import yaml

from whisklab.engine.artifacts.catalogue import Catalogue, read_lock
from whisklab.engine.artifacts.downloads import Report, client, download
from whisklab.engine.artifacts.entries import Entry, Key, Lock, Locked
from whisklab.engine.artifacts.sources import locate
from whisklab.engine.cache import cached, sha256_of, writing
from whisklab.engine.progress import tell
from whisklab.engine.urls import file_name
from whisklab.errors import BadInput, WhisklabError
from whisklab.paths import cache_dir

HEADER = """\
# Written by `whisklab lock` and by runs; do not edit. The SHA-256 of what the catalogue names, and
# who says so: the release's own list of checksums, or the URL of the file it was computed from.
"""
_LINE = re.compile(r"(?P<sha256>[0-9a-f]{64}) [ *](?P<name>\S.*)")


@dataclass
class Locking:
    """What became of each checksum.

    Attributes:
        lock: the new lock.
        added: locked for the first time.
        changed: another checksum for the same file, accepted.
        removed: no longer in the catalogue.
    """

    lock: Lock = field(default_factory=dict)
    added: list[Key] = field(default_factory=list)
    changed: list[Key] = field(default_factory=list)
    removed: list[Key] = field(default_factory=list)


def lock(path: Path, mirror: str | None, report: Report, *, accept_changes: bool) -> Locking:
    """Resolve the checksums of the catalogue at `path` and write its lock if it changed.

    What is locked stays as it is; a list of checksums is read again and compared with it.

    Args:
        path: the catalogue; the lock is beside it.
        mirror: where to ask, None for the usual place.
        report: hears of what is asked and downloaded.
        accept_changes: also take a checksum that differs from the locked one.

    Raises:
        BadInput: the catalogue or the lock is none, or there is no such mirror.
        WhisklabError: a source does not answer or does not name the file, or a checksum differs
            from the locked one; the lock is as it was.
    """
    catalogue = Catalogue(path, mirror)
    resolver = _Resolver(mirror, report)
    mirrors = {name for _, entry in catalogue.entries() for name in entry.mirrors}
    if mirror is not None and mirror not in mirrors:
        raise BadInput(
            f"{path}: has no mirror {mirror}; it has {', '.join(sorted(mirrors)) or 'none'}"
        )
    result = Locking()
    for key, entry in catalogue.entries():
        if entry.sha256 is not None:
            continue  # the catalogue itself says it
        before = catalogue.lock.get(key)
        found = resolver.resolve(key, entry, None if accept_changes else before)
        if before is None:
            result.added.append(key)
        elif found.sha256 == before.sha256:
            found = before
        elif accept_changes:
            result.changed.append(key)
        else:
            raise WhisklabError(_changed(key, before, found))
        result.lock[key] = found
    result.removed = [key for key in catalogue.lock if key not in result.lock]
    if result.lock != catalogue.lock:
        _write(catalogue.lock_path, render(result.lock))
    return result


def record(catalogue: Catalogue, key: Key, entry: Entry, report: Report = tell) -> Locked:
    """Return the checksum of a file that nobody has locked, and write it into the lock.

    From then on the file is held to it. What another run has locked meanwhile holds.

    Args:
        catalogue: that names the file.
        key: of the file.
        entry: likewise.
        report: hears what is asked, and what was written.

    Raises:
        WhisklabError: it cannot be found out; the lock is as it was.
    """
    path = catalogue.lock_path
    report(f"{path} has no checksum of {key} yet: asking {entry.url}")
    try:
        # Never a mirror, unasked: who serves a file must not also say what it is to be.
        found = _Resolver(None, report).resolve(key, entry, None)
    except WhisklabError as error:
        mirrored = f"; `whisklab lock --mirror {catalogue.mirror}` takes the mirror's word for it"
        raise WhisklabError(
            f"{path} has no checksum of {key} yet, and none is to be had: {error}"
            f"{mirrored if catalogue.mirror in entry.mirrors else ''}"
        ) from error
    known = read_lock(path)
    if key not in known:
        known[key] = found
        order = [each for each, _ in catalogue.entries()]
        _write(path, render({each: known[each] for each in [*order, *known] if each in known}))
        report(
            f"{key}: {found.sha256}, from {found.origin}, is in {path} now and holds from here on"
        )
    return known[key]


def _changed(key: Key, before: Locked, found: Locked) -> str:
    return (
        f"{key}: {found.origin} says {found.sha256}, locked is {before.sha256} (from "
        f"{before.origin}): a release does not change, find out why; --accept-changes takes it"
    )


class _Resolver:
    """Finds checksums; reads each list once."""

    def __init__(self, mirror: str | None, report: Report) -> None:
        self._mirror, self._report = mirror, report
        self._lists: dict[str, Mapping[str, str]] = {}

    def resolve(self, key: Key, entry: Entry, before: Locked | None) -> Locked:
        """Return the checksum of a file; without a list, that is `before` if there is one."""
        url, sums = entry.url_at(self._mirror), entry.sums_at(self._mirror)
        if sums is not None:
            return Locked(sha256=self._listed(key, sums, file_name(url)), origin=sums)
        return before or Locked(sha256=self._computed(key, url), origin=url)

    def _listed(self, key: Key, sums: str, name: str) -> str:
        if sums not in self._lists:
            self._report(f"reading {sums}")
            self._lists[sums] = parse_sums(_text(sums))
        if name not in self._lists[sums]:
            raise WhisklabError(f"{key}: {sums} does not name {name}: mend `sums` in the catalogue")
        return self._lists[sums][name]

    def _computed(self, key: Key, url: str) -> str:
        if url.startswith("file:"):
            path = _path(url)
            if not path.is_file():
                raise WhisklabError(f"{key}: {path} is not there: build or copy it again")
            return sha256_of(path)
        # In a place of its own until its content is known, then where a deploy looks for it.
        fresh = (
            cache_dir() / "unchecked" / hashlib.sha256(url.encode()).hexdigest() / file_name(url)
        )
        place = locate(str(key), url, key.version)
        sha256 = download(str(key), place.url, fresh, place.sha256, self._report, place.headers)
        path = cached(sha256, fresh.name)
        with writing(path.parent):
            path.parent.mkdir(parents=True, exist_ok=True)
            fresh.replace(path)
            with suppress(OSError):  # another run waits in it
                fresh.parent.rmdir()
        return sha256


def parse_sums(text: str) -> dict[str, str]:
    """Return name to SHA-256 of a list as sha256sum writes it; other lines are ignored. Pure."""
    found = (_LINE.fullmatch(line.strip()) for line in text.splitlines())
    return {line["name"]: line["sha256"] for line in found if line}


def _path(url: str) -> Path:
    return Path(unquote(urlparse(url).path))


def _text(url: str) -> str:
    try:
        if url.startswith("file:"):
            return _path(url).read_text(encoding="utf-8")
        with client() as http:
            answer = http.get(url)
            answer.raise_for_status()
            return answer.text
    except httpx.HTTPStatusError as error:
        raise WhisklabError(
            f"{url} answers {error.response.status_code}: check the version and the catalogue"
        ) from error
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
        raise WhisklabError(
            f"{url} cannot be read ({str(error) or type(error).__name__}): the lock is as it was; "
            "run again with a network, or with --mirror"
        ) from error


def render(found: Lock) -> str:
    """Return the text of a lock. Pure."""
    tree: dict[str, dict[str, dict[str, dict[str, dict[str, str]]]]] = {}
    for key, locked in found.items():
        names = tree.setdefault(key.product, {}).setdefault(key.version, {})
        names.setdefault(key.name, {})[key.architecture] = locked.model_dump(by_alias=True)
    return HEADER + (yaml.safe_dump(tree, sort_keys=False, width=1000) if tree else "{}\n")


def _write(path: Path, text: str) -> None:
    part = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise WhisklabError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
