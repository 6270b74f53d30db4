"""Wheels of Python packages for other laptops, by the hashes of the lock: pip fetches them.

pip is asked for one package at a time as far as it is concerned: what a package needs is decided
here (closure), for pip judges conditions by the Python that it runs in.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from packaging.requirements import Requirement

from whisklab.bundle import closure
from whisklab.bundle.blobs import keep
from whisklab.bundle.closure import Package
from whisklab.bundle.laptops import wheel_platforms
from whisklab.bundle.manifest import Laptop
from whisklab.bundle.requirements import LOCK, Pin
from whisklab.engine.artifacts.downloads import Report
from whisklab.engine.cache import cached, sha256_of, writing
from whisklab.errors import WhisklabError
from whisklab.paths import cache_dir

_CHOICE = "wheel.json"
_PIP = (
    sys.executable, "-m", "pip", "download", "--disable-pip-version-check", "--no-input",
    "--progress-bar", "off", "--no-deps", "--only-binary", ":all:", "--require-hashes",
    "--implementation", "cp",
)  # fmt: skip
_FETCHES, _WAITS, _NONE = "Downloading ", "Retrying (", "No matching distribution found for"


@dataclass(frozen=True)
class Wheel:
    """A wheel in the cache.

    Attributes:
        package: what it says of itself.
        path: of it.
        sha256: of it.
        laptops: for which it is.
    """

    package: Package
    path: Path
    sha256: str
    laptops: Sequence[Laptop]


def wheels(
    roots: Sequence[Requirement], pins: Mapping[str, Pin], laptops: Sequence[Laptop], report: Report
) -> list[Wheel]:
    """Return the wheels that laptops need, fetched where the cache lacks them.

    Args:
        roots: what whisklab needs.
        pins: of the lock.
        laptops: of those inside.
        report: hears of the progress.

    Raises:
        WhisklabError: some cannot be had, or the lock lacks some; a line for each.
    """
    users: dict[Path, list[Laptop]] = {}
    packages: dict[Path, Package] = {}
    wrong: list[str] = []
    for each in laptops:
        shelf = _Shelf(each, pins, report)
        found, lacking = closure.needed(roots, each, shelf.bring)
        wrong += shelf.wrong or [
            f"{line}: {LOCK} does not have it: write it into pyproject.toml with the same "
            "condition, then `make lock`"
            for line in lacking
        ]
        for name, package in found.items():
            path = shelf.paths[name]
            packages[path] = package
            users.setdefault(path, []).append(each)
    if wrong:
        raise WhisklabError("\n".join(dict.fromkeys(wrong)))
    return [
        Wheel(packages[path], path, path.parent.name, users[path])
        for path in sorted(packages, key=lambda each: each.name)
    ]


@dataclass
class _Shelf:
    """The wheels for one laptop.

    Attributes:
        laptop: of those inside.
        pins: of the lock.
        report: hears of the progress.
        wrong: what cannot be had; sentences.
        paths: names of packages to their wheels in the cache.
    """

    laptop: Laptop
    pins: Mapping[str, Pin]
    report: Report
    wrong: list[str] = field(default_factory=list)
    paths: dict[str, Path] = field(default_factory=dict)

    def bring(self, names: Sequence[str]) -> dict[str, Package]:
        """Have wheels in the cache; returns what they say of themselves."""
        wanted = [self.pins[each] for each in names if each in self.pins]
        lacking = [each for each in wanted if self._chosen(each) is None]
        if lacking:
            self._fetch(lacking)
        found = {}
        for pin in wanted:
            path = self._chosen(pin)
            if path is not None:
                self.paths[pin.name] = path
                with path.open("rb") as file:
                    found[pin.name] = closure.package(file, str(path))
        return found

    def _choice(self, pin: Pin) -> Path:
        """Where the cache remembers which of a package's wheels this laptop gets.

        Of several that it would take pip takes the best. The cache alone cannot tell: it may have
        another one, for another laptop.
        """
        asked = [pin.line, str(self.laptop), *wheel_platforms(self.laptop)]
        return cached(hashlib.sha256("\n".join(asked).encode()).hexdigest(), _CHOICE)

    def _chosen(self, pin: Pin) -> Path | None:
        """Return the wheel in the cache, None where it has none, or a damaged one."""
        choice = self._choice(pin)
        if not choice.is_file():
            return None
        found = json.loads(choice.read_bytes())
        path = cached(found["sha256"], found["file"])
        return path if path.is_file() and sha256_of(path) == found["sha256"] else None

    def _fetch(self, pins: Sequence[Pin]) -> None:
        names = ", ".join(each.name for each in pins)
        self.report(f"wheels for {self.laptop}: {names}")
        left = list(pins)
        # pip stops at the first that it does not find: again without that, so that all are named.
        while left and (said := self._downloaded(left)) is not None:
            refused = [each for each in left if f"{_NONE} {each.name}=={each.version}\n" in said]
            if not refused:
                self._fetch_each(left)
                return
            self.wrong += [_refused(each, self.laptop, said) for each in refused]
            left = [each for each in left if each not in refused]

    def _fetch_each(self, pins: Sequence[Pin]) -> None:
        """Fetch each alone: pip has refused one, and does not say which."""
        for pin in pins:
            said = self._downloaded([pin])
            if said is not None:
                self.wrong.append(_refused(pin, self.laptop, said))

    def _downloaded(self, pins: Sequence[Pin]) -> str | None:
        """Have pip fetch wheels into the cache; returns what it says where it fails.

        Raises:
            WhisklabError: there is no network.
        """
        directory = cache_dir()
        with writing(directory):
            directory.mkdir(parents=True, exist_ok=True)
            # Beside the cache: /tmp may be small, and a rename wants one file system.
            with tempfile.TemporaryDirectory(dir=directory, prefix=".wheels-") as made:
                there = Path(made)
                lines = [*self._run(pins, there)]
                if lines.pop() == "0":
                    self._shelve(pins, there)
                    return None
        waited = next((each for each in lines if _WAITS in each), None)
        if waited is not None:
            raise WhisklabError(
                f"wheels for {self.laptop}: pip reaches nobody ({waited.strip()}): run again with "
                "a network, what was fetched stays"
            )
        return "".join(lines)

    def _run(self, pins: Sequence[Pin], there: Path) -> Iterator[str]:
        """Yield what pip prints, and its exit code."""
        lock = there / "lock"
        lock.write_text("".join(f"{each.line}\n" for each in pins))
        platforms = [word for each in wheel_platforms(self.laptop) for word in ("--platform", each)]
        argv = [*_PIP, "--python-version", self.laptop.python, *platforms,
                "--dest", str(there), "-r", str(lock)]  # fmt: skip
        with subprocess.Popen(
            argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "TMPDIR": str(there)},
        ) as process:  # fmt: skip
            for line in process.stdout or ():
                if _FETCHES in line:
                    self.report(f"wheels for {self.laptop}: {line.strip()}")
                yield line
        yield str(process.returncode)

    def _shelve(self, pins: Sequence[Pin], there: Path) -> None:
        """Put what pip has fetched into the cache, each by its hash."""
        by_hash = {each: pin for pin in pins for each in pin.hashes}
        for path in sorted(there.glob("*.whl")):
            sha256 = sha256_of(path)
            target = cached(sha256, path.name)
            target.parent.mkdir(parents=True, exist_ok=True)
            path.replace(target)
            choice = json.dumps({"sha256": sha256, "file": path.name})
            keep(self._choice(by_hash[sha256]), choice.encode())


def _refused(pin: Pin, on: Laptop, said: str) -> str:
    if _NONE in said:
        return (
            f"{pin}: has no wheel for {on}: leave that laptop out (--python, --laptop), or lock a "
            "version that has one"
        )
    lines = [each.strip() for each in said.splitlines() if each.strip()]
    errors = [each for each in lines if each.startswith("ERROR:")] or lines[-1:]
    why = errors[0].removeprefix("ERROR:").strip() if errors else "it says nothing"
    return f"{pin}: pip does not fetch its wheel for {on} ({why}): see that the lock is right"
