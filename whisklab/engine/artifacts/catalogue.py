"""The artifact catalogue: which versions there are, where they come from, their checksums.

A checksum stands in the catalogue itself (whoever generates the whole file knows it, as the build
of the lab's stand-ins does) or in the lock beside it, `<catalogue>.lock.yaml`, which `whisklab
lock` and the first run that needs a file write (`whisklab.engine.artifacts.lock`).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from whisklab.engine import documents, runs
from whisklab.engine.artifacts.entries import Artifact, Entry, Key, Lock, Locked, Product, Source
from whisklab.engine.sentences import fault
from whisklab.errors import BadInput

END_TOLD = timedelta(days=30)  # before it
_Model = TypeVar("_Model", bound=BaseModel)


class Catalogue:
    """A catalogue file and the lock beside it.

    Args:
        path: YAML, `<product>: {default, versions: {<version>: {<artifact>: {<arch>: entry}}}}`.
        mirror: which mirror to use where a file has one of that name.
        record: finds out the checksum of a file that has none yet; None for a refusal instead.

    Raises:
        BadInput: one of the two cannot be read or is not of that form.
    """

    def __init__(self, path: Path, mirror: str | None = None, record: Record | None = None) -> None:
        self.path = path
        self.lock_path = lock_of(path)
        self.mirror = mirror
        self._record = record
        raw = _read(path)
        self._products = {name: _parsed(path, Product, value, name) for name, value in raw.items()}
        self.lock = read_lock(self.lock_path)

    def entries(self) -> Iterator[tuple[Key, Entry]]:
        """Yield all files of the catalogue, in its order."""
        for product, found in self._products.items():
            for version, names in found.versions.items():
                for name, architectures in names.items():
                    for architecture, entry in architectures.items():
                        yield Key(product, version, name, architecture), entry

    def version(self, product: str, wanted: str | None) -> str:
        """Return the version to use: `wanted`, or the catalogue's default.

        Raises:
            BadInput: the catalogue does not have it.
        """
        if product not in self._products:
            raise BadInput(f"{self.path}: has no {product}")
        found = self._products[product]
        version = wanted or found.default
        if version not in found.versions:
            raise BadInput(
                f"{self.path}: has no {product} {version}; it has {', '.join(found.versions)}"
            )
        return version

    def versions(self, product: str) -> list[str]:
        """Return the versions that there are of a product, in the catalogue's order."""
        return list(self._products[product].versions) if product in self._products else []

    def having(self, name: str, architecture: str) -> Iterator[str]:
        """Yield the products whose default version has an artifact of this name."""
        for product, found in self._products.items():
            if architecture in found.versions.get(found.default, {}).get(name, {}):
                yield product

    def has(self, product: str, wanted: str | None, name: str, architecture: str) -> bool:
        """Tell whether there is such an artifact; arguments and errors as for `artifact`."""
        version = self.version(product, wanted)
        return architecture in self._products[product].versions[version].get(name, {})

    def artifact(self, product: str, wanted: str | None, name: str, architecture: str) -> Artifact:
        """Return one artifact.

        Args:
            product: such as `k3s`.
            wanted: a version, None for the default.
            name: the artifact within the version.
            architecture: `amd64` or `arm64`, as Debian and Go say; `all` (ANY) for what is the same
                everywhere.

        Raises:
            BadInput: the catalogue does not have it, or there is no checksum for it.
            WhisklabError: its checksum cannot be found out.
        """
        version = self.version(product, wanted)
        if not self.has(product, version, name, architecture):
            raise BadInput(f"{self.path}: {product} {version} has no {name} for {architecture}")
        entry = self._products[product].versions[version][name][architecture]
        sha256 = self._sha256(Key(product, version, name, architecture), entry)
        source = Source(url=entry.url_at(self.mirror), sha256=sha256)
        return Artifact(product=product, version=version, source=source, member=entry.member)

    def _sha256(self, key: Key, entry: Entry) -> str:
        if entry.sha256 is not None:
            return entry.sha256
        if key not in self.lock:
            if self._record is None:
                raise BadInput(f"{self.lock_path}: has no checksum of {key}: run `whisklab lock`")
            self.lock[key] = self._record(self, key, entry)
        return self.lock[key].sha256

    def ends(self, product: str, version: str) -> date | None:
        """Return the day from which upstream mends nothing in a version; None: nobody says one."""
        found = self._products[product].ends if product in self._products else {}
        return next(
            (day for line, day in found.items() if f"{version}.".startswith(f"{line}.")), None
        )

    def ending(self, today: date) -> list[str]:
        """Return a sentence for each product in whose default nothing is mended, or soon. Pure."""
        found = []
        for product, each in self._products.items():
            ends = self.ends(product, each.default)
            if ends is not None and ends - today <= END_TOLD:
                when = f"since {ends}" if ends <= today else f"from {ends} on"
                found.append(
                    f"{product} {each.default}: upstream mends nothing in it {when}: enter a newer "
                    f"one into {self.path}"
                )
        return found

    def licence(self, product: str) -> str | None:
        """Return the licence of a product's files; None: the catalogue does not say it."""
        return self._products[product].licence if product in self._products else None


Record = Callable[[Catalogue, Key, Entry], Locked]


def opened(path: str, mirror: str | None = None) -> Catalogue:
    """Return the catalogue of a path; in a run read again only when it or its lock has changed.

    A checksum that its lock does not have yet is found out, and written there, when it is needed.
    Arguments and errors as for `Catalogue`.
    """
    run = runs.if_any()
    known = _Opened() if run is None else run.part(_Opened)
    lock_path = known.lock_paths.get(path)
    if lock_path is None:
        lock_path = known.lock_paths[path] = str(lock_of(Path(path)))
    key = (path, mirror, _state(path), _state(lock_path))
    if key not in known.catalogues:
        known.catalogues[key] = Catalogue(Path(path), mirror, _recorded)
    return known.catalogues[key]


class _Opened:
    """A run's catalogues, by path, mirror, and the state of their files.

    (Each host asks for them some thirty times.)
    """

    def __init__(self) -> None:
        self.catalogues: dict[tuple[object, ...], Catalogue] = {}
        self.lock_paths: dict[str, str] = {}


def _recorded(catalogue: Catalogue, key: Key, entry: Entry) -> Locked:
    from whisklab.engine.artifacts.lock import record  # noqa: PLC0415  see urls.py

    return record(catalogue, key, entry)


def _state(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)  # noqa: PTH116  a Path takes five times as long to make
    except OSError:  # reading it says why
        return None
    return found.st_mtime_ns, found.st_size


def lock_of(path: Path) -> Path:
    """Return where the lock of a catalogue is. Pure."""
    return path.with_suffix(".lock.yaml")


def _read(path: Path) -> dict[str, Any]:
    try:
        raw = documents.read(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise BadInput(f"{path}: is no catalogue: {error}") from error
    if not isinstance(raw, dict):
        raise BadInput(f"{path}: is no catalogue: expected products, such as `k3s:`")
    return raw


def _parsed(path: Path, model: type[_Model], value: object, *where: str) -> _Model:
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise BadInput(f"{path}: {fault(error, *where)}") from error


def read_lock(path: Path) -> Lock:
    """Return the checksums of a lock; none where there is no such file.

    Raises:
        BadInput: it is no lock.
    """
    if not path.exists():
        return {}
    lock: Lock = {}
    try:
        for product, versions in _read(path).items():
            for version, names in versions.items():
                for name, architectures in names.items():
                    for architecture, value in architectures.items():
                        key = Key(product, version, name, architecture)
                        lock[key] = _parsed(path, Locked, value, str(key))
    except AttributeError as error:
        raise BadInput(
            f"{path}: is no lock: expected product, version, name, architecture"
        ) from error
    return lock
