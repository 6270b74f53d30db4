"""What a Debian package says of others (deb-control(5)): what it needs, what it stands for. Pure.

Dependencies and Pre-Dependencies are one thing here: both must be there. Recommendations are not
looked at, as nothing is installed for them.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType

from debian.debian_support import version_compare

# A name, perhaps of another architecture's package, and a version; without what only sources have.
_RELATION = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9+.-]*)(?::[a-z0-9-]+)?"
    r"(?:\s*\(\s*(?P<operator><<|<=|=|>=|>>|<|>)\s*(?P<version>[0-9A-Za-z][^\s)]*)\s*\))?"
)
_OPERATORS: Mapping[str, Callable[[int, int], bool]] = MappingProxyType({
    "<<": operator.lt, "<=": operator.le, "=": operator.eq, ">=": operator.ge, ">>": operator.gt,
    "<": operator.le, ">": operator.ge,  # of old; they mean this (deb-control(5))
})  # fmt: skip


@dataclass(frozen=True)
class Relation:
    """A package that is needed or provided, with any version or some.

    Attributes:
        name: of the package, real or virtual.
        operator: such as `>=`, "" for any version.
        version: that it is compared with.
    """

    name: str
    operator: str = ""
    version: str = ""

    def admits(self, version: str | None) -> bool:
        """Tell whether a version is right; None: of what is provided without one."""
        if not self.operator:
            return True
        if version is None:
            return False
        return _OPERATORS[self.operator](version_compare(version, self.version), 0)

    def __str__(self) -> str:
        """Write it as control files do."""
        return f"{self.name} ({self.operator} {self.version})" if self.operator else self.name


Group = tuple[Relation, ...]  # alternatives, of which one must be there


def parsed(text: str) -> tuple[Group, ...]:
    """Return what a field such as Depends says.

    Raises:
        ValueError: it is none.
    """
    groups = (each.strip() for each in text.replace("\n", " ").split(","))
    return tuple(
        tuple(_relation(word.strip()) for word in group.split("|")) for group in groups if group
    )


def _relation(word: str) -> Relation:
    found = _RELATION.fullmatch(word)
    if found is None:
        raise ValueError(f"{word!r} is no relation between packages")
    return Relation(found["name"], found["operator"] or "", found["version"] or "")


def written(group: Group) -> str:
    """Return alternatives as control files have them."""
    return " | ".join(map(str, group))


def is_newer(version: str, other: str) -> bool:
    """Tell whether a version is newer than another one, by Debian's rules."""
    return bool(version_compare(version, other) > 0)


@dataclass(frozen=True)
class Control:
    """A package, installed or in an archive, as others see it.

    Attributes:
        name: of it.
        version: of it.
        depends: what must be there with it, as Depends and Pre-Depends have it.
        provides: what it stands for as well, as Provides has it.
    """

    name: str
    version: str
    depends: str = ""
    provides: str = ""

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """What it depends on. Raises ValueError as `parsed`."""
        return parsed(self.depends)

    @cached_property
    def provisions(self) -> Mapping[str, Sequence[str | None]]:
        """Virtual name to the versions of it, None for none. Raises ValueError as `parsed`."""
        found: dict[str, list[str | None]] = {}
        for group in parsed(self.provides):
            found.setdefault(group[0].name, []).append(group[0].version or None)
        return found

    def satisfies(self, relation: Relation) -> bool:
        """Tell whether it is what a relation asks for, by its name or by what it provides."""
        if self.name == relation.name and relation.admits(self.version):
            return True
        return any(relation.admits(each) for each in self.provisions.get(relation.name, ()))
