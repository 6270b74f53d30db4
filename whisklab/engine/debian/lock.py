"""The lock of packages: which files of their archives, asked once; beside the catalogue's lock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import TypeAdapter, ValidationError

from whisklab.engine.data.secrets import write_private
from whisklab.engine.debian.package import Package
from whisklab.errors import BadInput, WhisklabError

_HEADER = """\
# Written by `whisklab bundle build`; do not edit. The packages of each system and architecture as
# they were when they were asked for first. Remove one, and the next build asks for it again.
"""
_NAMES = TypeAdapter(dict[str, dict[str, dict[str, dict[str, str | int]]]])
_Found = dict[str, dict[str, dict[str, Package]]]  # by system, architecture and name


class LockedPool:
    """Some packages, as `closure` chooses from them.

    Args:
        packages: of different names.
    """

    def __init__(self, packages: Iterable[Package]) -> None:
        self.packages = {each.name: each for each in packages}
        self._providers: dict[str, list[Package]] = {}
        for name in sorted(self.packages):
            for virtual in self.packages[name].control.provisions:
                self._providers.setdefault(virtual, []).append(self.packages[name])

    def named(self, name: str) -> Package | None:
        """As `Pool` says."""
        return self.packages.get(name)

    def providing(self, name: str) -> Sequence[Package]:
        """As `Pool` says; by their names."""
        return self._providers.get(name, ())


class PackageLock:
    """The lock beside a catalogue.

    Args:
        catalogue: path of the catalogue.

    Raises:
        BadInput: the lock is none.
    """

    def __init__(self, catalogue: Path) -> None:
        self.path = catalogue.with_suffix(".packages.lock.yaml")
        self._found = _read(self.path)

    @property
    def kinds(self) -> list[str]:
        """The systems and architectures of which it has packages, such as `debian-12 amd64`."""
        return [f"{system} {each}" for system in self._found for each in self._found[system]]

    def has(self, system: str, architecture: str) -> bool:
        """Tell whether it has packages of a system and architecture."""
        return bool(self._found.get(system, {}).get(architecture))

    def pool(self, system: str, architecture: str) -> LockedPool:
        """Return its packages of a system and architecture."""
        return LockedPool(self._found.get(system, {}).get(architecture, {}).values())

    def add(self, system: str, architecture: str, packages: Iterable[Package]) -> None:
        """Have packages be the ones of their names from now on; what another run locked holds.

        Raises:
            WhisklabError: it cannot be written.
        """
        mine = self._found.setdefault(system, {}).setdefault(architecture, {})
        mine |= {each.name: each for each in packages}
        for kind, architectures in _read(self.path).items():
            for each, named in architectures.items():
                there = self._found.setdefault(kind, {}).setdefault(each, {})
                there |= named
        text = yaml.safe_dump(_tree(self._found), width=1000, sort_keys=False)
        try:
            write_private(self.path, _HEADER + text)
            self.path.chmod(0o644)
        except OSError as error:
            raise WhisklabError(
                f"{self.path}: cannot be written ({error.strerror}): make it yours"
            ) from error


def _tree(found: _Found) -> Mapping[str, object]:
    return {
        system: {
            architecture: {
                name: found[system][architecture][name].model_dump(
                    exclude={"name"}, exclude_defaults=True
                )
                for name in sorted(found[system][architecture])
            }
            for architecture in sorted(found[system])
        }
        for system in sorted(found)
    }


def _read(path: Path) -> _Found:
    if not path.exists():
        return {}
    try:
        found = _NAMES.validate_python(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
        return {
            system: {
                architecture: {name: _package(name, fields) for name, fields in named.items()}
                for architecture, named in architectures.items()
            }
            for system, architectures in found.items()
        }
    except (OSError, ValueError, TypeError, yaml.YAMLError) as error:
        what = f"{len(error.errors())} errors" if isinstance(error, ValidationError) else error
        raise BadInput(
            f"{path}: is no lock of packages ({what}): put it back from your version control, or "
            "remove it and the next build asks for all again"
        ) from error


def _package(name: str, fields: Mapping[str, str | int]) -> Package:
    found = Package.model_validate({"name": name, **fields})
    _ = found.control.groups, found.control.provisions  # ValueError where they cannot be read
    return found
