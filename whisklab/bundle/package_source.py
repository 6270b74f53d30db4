"""Where the packages of a bundle come from: the lock, what their archives have, earlier bundles."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from whisklab.bundle.archives import Archives, Gone, bring
from whisklab.bundle.blobs import require_free
from whisklab.bundle.older import Older
from whisklab.bundle.packages import Chosen, Wanted
from whisklab.engine.artifacts.downloads import Report, WrongChecksum
from whisklab.engine.debian import sources
from whisklab.engine.debian.closure import Missing, Pool, Unsatisfied, closure
from whisklab.engine.debian.lock import LockedPool, PackageLock
from whisklab.engine.debian.package import Package
from whisklab.engine.debian.sources import Archive
from whisklab.errors import BadInput, WhisklabError


class _Both:
    """What is locked holds; an archive has the rest."""

    def __init__(self, locked: LockedPool, archive: Pool) -> None:
        self._locked, self._archive = locked, archive

    def named(self, name: str) -> Package | None:
        return self._locked.named(name) or self._archive.named(name)

    def providing(self, name: str) -> Sequence[Package]:
        locked = self._locked.packages
        rest = [each for each in self._archive.providing(name) if each.name not in locked]
        return sorted([*self._locked.providing(name), *rest], key=lambda each: each.name)


class PackageSource:
    """Where the packages of a build come from.

    Args:
        lines: system to the lines of its archives.
        lock: of the packages.
        report: hears of the progress.
        older: bundles that are looked into first.
    """

    def __init__(
        self, lines: Mapping[str, Sequence[str]], lock: PackageLock, report: Report, older: Older
    ) -> None:
        self.lock = lock
        self._lines, self._report, self._older = lines, report, older
        self._archives = Archives(report)
        self._pools: dict[tuple[str, str], Pool] = {}

    def require(self, systems: Iterable[str]) -> None:
        """Do nothing if each system's archives are known.

        Raises:
            BadInput: they are not.
        """
        unknown = [each for each in systems if not self._lines.get(each)]
        if unknown:
            raise BadInput(
                f"--system: {', '.join(unknown)}: nobody says where its packages are, and this "
                "laptop is of another system: name its archives in bundle_packages; its machines "
                "have them below /etc/apt"
            )

    def resolved(self, wishes: Iterable[Wanted]) -> list[Chosen]:
        """Return the files for wishes; what the lock lacks is asked and locked.

        Raises:
            WhisklabError: some cannot be had, or an archive cannot be read; a line for each.
        """
        found, wrong = [], []
        for each in wishes:
            try:
                found += self._resolved(each)
            except Unsatisfied as error:
                wrong += [self._why(each, one) for one in error.missing]
        if wrong:
            raise WhisklabError("\n".join(wrong))
        return found

    def _resolved(self, wish: Wanted) -> list[Chosen]:
        locked = self.lock.pool(wish.system, wish.architecture)
        try:
            found = closure(wish.users, locked)
        except Unsatisfied:
            pool = self._pool(wish.system, wish.architecture)
            found = closure(wish.users, _Both(locked, pool))
            self.lock.add(wish.system, wish.architecture, found)
        return [Chosen(wish.system, wish.architecture, each) for each in found]

    def _why(self, wish: Wanted, missing: Missing) -> str:
        locked = self.lock.pool(wish.system, wish.architecture)
        held = [one.name for one in missing.group if locked.named(one.name)]
        what = f"package for {wish}: {missing}"
        if held:
            return (
                f"{what}, and {self.lock.path} has {', '.join(missing.offered)}: remove "
                f"{', '.join(held)} below {wish.system}, {wish.architecture} there, and it is "
                "asked for again"
            )
        offered = f"have {', '.join(missing.offered)}" if missing.offered else "have none"
        return f"{what}, and its archives {offered}: name one that has it (bundle_packages)"

    def _of(self, system: str, architecture: str) -> list[Archive]:
        lines = self._lines.get(system, ())
        found = [each for each in map(sources.parsed, lines) if each.has(architecture)]
        if not found:
            raise BadInput(
                f"bundle_packages: {system}: none of its archives is for {architecture} (arch=), "
                "which --arch asks for: name one"
            )
        return found

    def _pool(self, system: str, architecture: str) -> Pool:
        key = (system, architecture)
        if key not in self._pools:
            found = self._archives.packages(self._of(system, architecture), architecture)
            self._pools[key] = found
        return self._pools[key]

    def fetched(self, chosen: Sequence[Chosen]) -> dict[str, Path]:
        """Return the file of each package, by its SHA-256, fetched where it lacks.

        Raises:
            WhisklabError: some cannot be had; a line for each.
        """
        lacking = {each.place: each.package.size for each in chosen if not each.place.is_file()}
        require_free(sum(lacking.values()), "packages are to be fetched")
        found, gone, wrong = {}, list[Chosen](), list[str]()
        for number, each in enumerate(chosen, 1):
            self._report(f"package {number} of {len(chosen)}: {each.package} ({each.system})")
            try:
                self._bring(each)
            except Gone:
                gone.append(each)
                continue
            except WhisklabError as error:
                wrong.append(str(error))
                continue
            found[each.package.sha256] = each.place
        wrong += [self._replaced(each) for each in gone]
        if wrong:
            raise WhisklabError("\n".join(dict.fromkeys(wrong)))
        return found

    def _bring(self, chosen: Chosen) -> None:
        package, path = chosen.package, chosen.place
        if self._older.bring(package.sha256, path):
            return
        others = [each.url for each in self._of(chosen.system, chosen.architecture)]
        for url in dict.fromkeys([package.source, *others]):
            try:
                bring(str(chosen), package.url_at(url), path, package.sha256, self._report,
                      self._archives.http)  # fmt: skip
            except Gone:
                continue
            except WrongChecksum:
                raise WhisklabError(
                    f"{chosen}: {package.url_at(url)} has other bytes than {self.lock.path} says: "
                    "name another source (bundle_packages), or give an earlier bundle (--from)"
                ) from None
            size = path.stat().st_size
            if size != package.size:
                raise WhisklabError(
                    f"{chosen}: has {size} bytes, and {self.lock.path} says {package.size}: one of "
                    "them was changed: put the lock back from your version control"
                )
            return
        raise Gone(str(chosen))

    def _replaced(self, chosen: Chosen) -> str:
        """Return the sentence on a package that no archive has any more."""
        name = chosen.package.name
        now = self._pool(chosen.system, chosen.architecture).named(name)
        by = f"{now.version} has replaced it" if now else "nothing has replaced it"
        return (
            f"{chosen}: its archives do not have it any more, {by}: remove {name} below "
            f"{chosen.system}, {chosen.architecture} in {self.lock.path}, and the next build asks "
            "for it alone; or give an earlier bundle (--from), or an archive that has it still, "
            "such as a dated snapshot (bundle_packages)"
        )
