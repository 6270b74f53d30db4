"""Which packages must be added so that others can be installed. Pure.

The same for a bundle, where nothing is installed, and for a machine, of which dpkg has said what
is. Of `a | b` the first is taken that there is in the pool, unless one of them is there already:
a machine that has chosen the other one needs neither. What is installed is never replaced by an
older version; what is too old is renewed, and so are those that fit its old version only.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from whisklab.engine.debian.package import Package
from whisklab.engine.debian.relations import Control, Group, Relation, is_newer, written
from whisklab.errors import WhisklabError


class Pool(Protocol):
    """Packages to choose from, one of each name."""

    def named(self, name: str) -> Package | None:
        """Return the package of a name."""

    def providing(self, name: str) -> Sequence[Package]:
        """Return those that stand for a virtual name, in a fixed order."""


@dataclass(frozen=True)
class Missing:
    """A relation that cannot be satisfied.

    Attributes:
        group: the alternatives.
        chain: who wants it, the first wish first.
        offered: the versions of them in the pool, as people write them.
        there: those of them that are installed.
    """

    group: Group
    chain: tuple[str, ...]
    offered: tuple[str, ...]
    there: tuple[str, ...]

    def __str__(self) -> str:
        """Name the chain and what is wanted at its end."""
        return f"{' -> '.join(self.chain)} wants {written(self.group)}"


class Unsatisfied(WhisklabError):
    """Some relations cannot be satisfied; all of them."""

    def __init__(self, missing: Sequence[Missing]) -> None:
        super().__init__("\n".join(map(str, missing)))
        self.missing = tuple(missing)


def closure(wanted: Mapping[str, str], pool: Pool, there: Iterable[Control] = ()) -> list[Package]:
    """Return the packages to add, by name.

    Args:
        wanted: names, and who wants each.
        pool: to choose from.
        there: what is installed.

    Raises:
        Unsatisfied: some cannot be had.
        ValueError: what a package says of others cannot be read.
    """
    return _Closure(pool, there).of(wanted)


class _Closure:
    def __init__(self, pool: Pool, there: Iterable[Control]) -> None:
        self._pool = pool
        self._there: dict[str, Control] = {}  # as it will be
        self._providers: dict[str, list[Control]] = {}
        self._before: dict[str, Control] = {}
        for each in there:
            self._have(each)
        self._before |= self._there
        self._chosen: dict[str, Package] = {}
        self._chains: dict[str, tuple[str, ...]] = {}
        self._missing: list[Missing] = []
        self._ahead: deque[tuple[Group, tuple[str, ...]]] = deque()

    def of(self, wanted: Mapping[str, str]) -> list[Package]:
        self._ahead += [((Relation(name),), (wanted[name],)) for name in sorted(wanted)]
        while self._ahead:
            group, chain = self._ahead.popleft()
            if self._has(group):
                continue
            found = self._choice(group)
            if found is None:
                self._miss(group, chain)
            else:
                self._take(found, chain)
        if self._missing:
            raise Unsatisfied(self._missing)
        return [self._chosen[name] for name in sorted(self._chosen)]

    def _have(self, control: Control) -> None:
        self._there[control.name] = control
        for name in control.provisions:
            self._providers.setdefault(name, []).append(control)

    def _has(self, group: Group) -> bool:
        return any(each.satisfies(one) for one in group for each in self._known(one.name))

    def _known(self, name: str) -> Iterator[Control]:
        if name in self._there:
            yield self._there[name]
        for each in self._providers.get(name, ()):
            if self._there[each.name] is each:  # not replaced since
                yield each

    def _choice(self, group: Group) -> Package | None:
        for relation in group:
            named = self._pool.named(relation.name)
            for each in ([named] if named else []) + list(self._pool.providing(relation.name)):
                if each.control.satisfies(relation) and self._may(each):
                    return each
        return None

    def _may(self, package: Package) -> bool:
        there = self._there.get(package.name)
        return there is None or is_newer(package.version, there.version)

    def _take(self, package: Package, chain: tuple[str, ...]) -> None:
        old = self._there.get(package.name)
        fitted = list(self._leaning_on(old)) if old else []
        mine = (*chain, str(package))
        self._chosen[package.name], self._chains[package.name] = package, mine
        self._have(package.control)
        self._ahead += [(group, mine) for group in package.control.groups]
        for control, group in fitted:
            if not self._has(group):
                self._renew(control, group, mine)

    def _leaning_on(self, old: Control) -> Iterator[tuple[Control, Group]]:
        names = {old.name, *old.provisions}
        for control in self._there.values():
            for group in control.groups:
                if any(each.name in names for each in group) and self._has(group):
                    yield control, group

    def _renew(self, control: Control, group: Group, chain: tuple[str, ...]) -> None:
        """Have a relation that a replaced package satisfied satisfied again."""
        if control.name in self._chosen:
            self._ahead.append((group, self._chains[control.name]))
            return
        newer = self._pool.named(control.name)
        if newer is not None and is_newer(newer.version, control.version):
            self._ahead.append(((Relation(newer.name, "=", newer.version),), chain))
        # Else it is apt's to say: its simulation comes before anything is installed.

    def _miss(self, group: Group, chain: tuple[str, ...]) -> None:
        if any(each.group == group for each in self._missing):
            return  # who wanted it first is told
        named = [found for one in group if (found := self._pool.named(one.name))]
        there = [each for one in group if (each := self._before.get(one.name))]
        self._missing.append(
            Missing(
                group,
                chain,
                tuple(map(str, named)),
                tuple(f"{each.name} {each.version}" for each in there),
            )
        )
