"""Packages of the operating system in a bundle: which, and what its manifest says of them. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from whisklab.bundle.manifest import PACKAGE, UNKNOWN, Item, Need
from whisklab.engine.cache import cached
from whisklab.engine.debian.closure import closure
from whisklab.engine.debian.lock import PackageLock
from whisklab.engine.debian.package import Package
from whisklab.engine.needs.needed import Packages


@dataclass(frozen=True)
class Wanted:
    """Packages that must be installable on the machines of a system and architecture.

    Attributes:
        system: such as debian-12.
        architecture: of the machines.
        users: name of each package to what needs it.
    """

    system: str
    architecture: str
    users: Mapping[str, str]

    def __str__(self) -> str:
        """Name the machines."""
        return f"{self.system} {self.architecture}"


@dataclass(frozen=True)
class Chosen:
    """A package's file for the machines of a system and architecture."""

    system: str
    architecture: str
    package: Package

    @property
    def need(self) -> Need:
        """What the manifest says of it."""
        return Need(
            kind=PACKAGE,
            name=f"{self.system}/{self.package.name}",
            version=self.package.version,
            architectures=[self.architecture],
        )

    @property
    def item(self) -> Item:
        """What the manifest says of its file."""
        artifact, need = self.package.artifact, self.need
        return Item(
            kind=need.kind,
            name=need.name,
            version=need.version,
            architectures=need.architectures,
            file=artifact.file_name,
            size=self.package.size,
            sha256=self.package.sha256,
            source=artifact.source.url,
            licence=UNKNOWN,
            parts=[self.package.sha256],
        )

    @property
    def place(self) -> Path:
        """Where the cache has it."""
        return cached(self.package.sha256, self.package.artifact.file_name)

    def __str__(self) -> str:
        """Name it as people do."""
        return f"package {self.package} ({self.system} {self.architecture})"


def wanted(
    needed: Iterable[Packages], systems: Sequence[str], architectures: Sequence[str]
) -> list[Wanted]:
    """Return what capabilities need, for each system and architecture."""
    users: dict[str, str] = {}
    for each in needed:
        for name in each.names:
            users.setdefault(name, each.user)
    return [Wanted(system, each, users) for system in systems for each in architectures]


def of_lock(wishes: Iterable[Wanted], lock: PackageLock) -> list[Chosen]:
    """Return the files for wishes as the lock has them; nobody is asked.

    Raises:
        Unsatisfied: the lock lacks some.
    """
    return [
        Chosen(each.system, each.architecture, package)
        for each in wishes
        for package in closure(each.users, lock.pool(each.system, each.architecture))
    ]
