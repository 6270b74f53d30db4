"""Packages that came with a bundle: what a host lacks of them, and how apt gets these files.

A deploy of a closed network asks no archive: the lock of packages, and what dpkg says of the host,
say which files must be there. Nothing of the host's own sources is changed, or looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyinfra.api import FactBase, FactProcessError
from pyinfra.api.command import StringCommand
from pyinfra.api.host import Host

from whisklab.engine.data.machine import Machine
from whisklab.engine.debian.closure import Missing, Unsatisfied, closure
from whisklab.engine.debian.lock import PackageLock
from whisklab.engine.debian.package import Package
from whisklab.engine.debian.relations import Control, is_newer
from whisklab.engine.scripts import script

DIRECTORY = "/var/lib/whisklab/packages"  # on a host, until they are installed
# apt with these files alone: no source of the machine's, its caches left as they are, and none of
# its packages taken away.
ALONE = ("-o", "Dir::Etc::sourcelist=/dev/null", "-o", "Dir::Etc::sourceparts=/dev/null",
         "-o", "Dir::Cache::pkgcache=", "-o", "Dir::Cache::srcpkgcache=",
         "-o", "APT::Sandbox::User=root")  # fmt: skip
INSTALL = ("install", "--no-install-recommends", "--no-remove", "--")
# What `Package.plain_name` makes, and nobody else's file.
_CLEARED = """
for each in "$1"/*-????????????.deb; do if test -f "$each"; then rm -f -- "$each"; fi; done
rmdir --ignore-fail-on-non-empty -- "$1"
"""
_ASKED = r"""
of() { sed -n "s/[\"']//g; s/^$1=//p" /etc/os-release; }
echo "$(of ID)-$(of VERSION_ID)" && dpkg --print-architecture && dpkg-query -W -f "$1"
"""
_FORMAT = "\\t".join((
    "${db:Status-Status}", "${Package}", "${Architecture}", "${Version}", "${Pre-Depends}",
    "${Depends}", "${Provides}",
)) + "\\n"  # fmt: skip
_FIELDS = 7
_THERE = ("installed", "triggers-awaited", "triggers-pending")
_ANY = "all"  # the architecture of what is the same everywhere
_REFUSED = re.compile(r"(unmet dependencies|REMOVED|DOWNGRADED|held packages.*):$")


@dataclass(frozen=True)
class Status:
    """What is installed on a host.

    Attributes:
        system: such as debian-12.
        architecture: as Debian says.
        packages: of that architecture, or of all.
    """

    system: str
    architecture: str
    packages: tuple[Control, ...]


class DpkgStatus(FactBase[Status]):
    """What dpkg knows. Only who lacks a package asks it: it is long."""

    momentary = True

    def command(self) -> StringCommand:
        """One look into dpkg's database."""
        return script(_ASKED, _FORMAT)

    def process(self, output: list[str]) -> Status:
        """Parse the system, the architecture and a line for each package."""
        system, architecture, *lines = [*output, "", ""]
        rows = [line.split("\t") for line in lines if line]
        if not (system and architecture) or any(len(row) != _FIELDS for row in rows):
            raise FactProcessError(f"unexpected answer of dpkg-query: {output[:3]}")
        packages = tuple(_controls(rows, architecture))
        try:
            for each in packages:
                _ = each.groups, each.provisions
        except ValueError as error:
            raise FactProcessError(f"unexpected answer of dpkg-query: {error}") from None
        return Status(system, architecture, packages)


def _controls(rows: Iterable[Sequence[str]], architecture: str) -> Iterator[Control]:
    for status, name, mine, version, before, depends, provides in rows:
        if status in _THERE and mine in (architecture, _ANY):
            yield Control(name, version, ", ".join(filter(None, (before, depends))), provides)


@dataclass(frozen=True)
class Lacking:
    """What a host lacks.

    Attributes:
        packages: that must be installed.
        refusals: why that cannot be; sentences.
    """

    packages: Sequence[Package] = ()
    refusals: Sequence[str] = ()


def lock_of(host: Host) -> PackageLock | None:
    """Return the lock of packages, where a closed network has one; None: apt asks its sources.

    Raises:
        BadInput: the lock is none.
    """
    machine = Machine.of(host)
    if not machine.offline:
        return None
    lock = PackageLock(Path(machine.catalogue))
    return lock if lock.kinds else None


def lacking(names: Sequence[str], status: Status, lock: PackageLock) -> Lacking:
    """Return what a host lacks so that packages can be installed on it.

    Args:
        names: of these.
        status: of the host.
        lock: of the packages that came with the bundle.
    """
    kind = f"{status.system} {status.architecture}"
    if not lock.has(status.system, status.architecture):
        sentence = (
            f"not installed: {', '.join(names)}; and {lock.path} has no packages of {kind}, only "
            f"of {', '.join(lock.kinds)}: {_rebuild(status)}"
        )
        return Lacking(refusals=[sentence])
    pool = lock.pool(status.system, status.architecture)
    try:
        return Lacking(closure(dict.fromkeys(names, "this machine"), pool, status.packages))
    except Unsatisfied as error:
        return Lacking(refusals=[_why_not(each, status, lock) for each in error.missing])


def _rebuild(status: Status) -> str:
    return (
        f"build the bundle for it (--system {status.system} --arch {status.architecture}) and "
        "upload it, or install them yourself"
    )


def _why_not(missing: Missing, status: Status, lock: PackageLock) -> str:
    pool, installed = lock.pool(status.system, status.architecture), status.packages
    newer = [
        f"{each.name} {each.version}"
        for one in missing.group
        for each in installed
        if each.name == one.name
        and (mine := pool.named(each.name))
        and is_newer(each.version, mine.version)
    ]
    if newer:
        return (
            f"{missing}, and {', '.join(newer)} is installed: the machine is newer than the "
            f"bundle: build one with today's packages (remove {status.system} from {lock.path})"
        )
    offered = f"has {', '.join(missing.offered)}" if missing.offered else "has none"
    return f"{missing}, and {lock.path} {offered}: {_rebuild(status)}"


def path(package: Package) -> str:
    """Return where a package's file lies on a host."""
    return f"{DIRECTORY}/{package.plain_name}"


def cleared() -> StringCommand:
    """Return what removes the files that were pushed."""
    return script(_CLEARED, DIRECTORY)


def refused(lines: Iterable[str]) -> str:
    """Return what apt says against it: whom it concerns, and its errors; "" for nothing. Pure."""
    found, within = [], False
    for line in lines:
        if within and line.startswith(" "):
            found.append(" ".join(line.split()))
            continue
        within = bool(_REFUSED.search(line.rstrip()))
        if within or line.startswith(("E:", "Error:")):
            found.append(line.strip())
    return "; ".join(found).rstrip(".")


def told(lines: Sequence[str], names: Sequence[str]) -> str:
    """Return the sentence on packages that apt does not install. Pure.

    Args:
        lines: that it printed.
        names: of the packages.
    """
    said = refused(lines) or (lines[-1].strip() if lines else "nothing")
    return (
        f"{', '.join(names)}: cannot be installed from the bundle, apt says: {said}: put right on "
        "the machine what it names, or build a bundle with today's packages; none was installed"
    )
