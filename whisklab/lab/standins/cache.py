"""Where built stand-ins are kept: each in a directory named after all that goes into it."""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import secrets
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from whisklab.errors import WhisklabError
from whisklab.lab.common.run import DETAIL, Report
from whisklab.lab.standins.gobuild import go_version
from whisklab.paths import cache_dir

SOURCES = Path(__file__).resolve().parents[3] / "standins"
WORKSPACE = SOURCES / "go.work"
CATALOGUE = "catalogue.yaml"


@dataclass(frozen=True)
class File:
    """An artifact that was built.

    Attributes:
        name: of the file.
        architecture: as the catalogue says; `all` for what runs anywhere.
        member: what of the archive is wanted, None for the file itself.
    """

    name: str
    architecture: str
    member: str | None = None


@dataclass(frozen=True)
class Standin:
    """One version of one product that can be built here.

    Attributes:
        product: its name in the catalogue, and of its directory in the cache.
        version: what the catalogue calls it.
        sources: the directory of its sources, None when it has none.
        go: the go.mod or go.work with its modules, which says the oldest Go that compiles it; None
            for what is not compiled.
        ingredients: what else decides the result, such as compiler flags.
        code: the Python files that build it.
        make: builds into a directory, given one for work and what hears of the progress; returns
            the artifacts by name.
    """

    product: str
    version: str
    sources: Path | None
    go: Path | None
    ingredients: Sequence[str]
    code: Sequence[str]
    make: Callable[[Path, Path, Report], Mapping[str, File]]

    def __str__(self) -> str:
        """Name it as people do."""
        return f"the {self.product} stand-in {self.version}"


def architecture() -> str:
    """Return this machine's architecture, as Go says it."""
    machine = platform.machine()
    return {"x86_64": "amd64", "aarch64": "arm64"}.get(machine, machine)


def text_of(path: Path) -> str:
    """Return the text of a source file of a stand-in.

    Raises:
        WhisklabError: it is not there.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise WhisklabError(f"{path} is not there: run whisklab from its repository") from None


def built(standin: Standin, report: Report) -> Path:
    """Build a stand-in unless it is there; return the path of the catalogue of just this one.

    Nothing is built twice, and nothing half-built is ever found.

    Raises:
        WhisklabError: no usable Go, or something failed to build.
    """
    done = place_of(standin, report)
    if not (done / CATALOGUE).is_file():
        with alone(done.parent, report):
            if not (done / CATALOGUE).is_file():  # nobody else has built it in the meantime
                _build_into(done, standin, report)
    os.utime(done / CATALOGUE)  # when it was used last, for who removes old ones
    return done / CATALOGUE


def place_of(standin: Standin, report: Report) -> Path:
    """The directory of what comes out of the sources of a stand-in as they are now.

    Raises:
        WhisklabError: no usable Go.
    """
    go = go_version(standin.go, report) if standin.go else ""
    return cache_dir() / "standins" / standin.product / _digest(standin, go)


def write_catalogue(path: Path, content: Mapping[str, Any]) -> None:
    """Write a catalogue, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two builds may write the same one at once.
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    temporary.write_text(yaml.safe_dump(dict(content), sort_keys=False), encoding="utf-8")
    temporary.rename(path)


def _build_into(done: Path, standin: Standin, report: Report) -> None:
    for leftover in done.parent.glob("tmp-*"):  # of a build that was killed; we hold the lock
        shutil.rmtree(leftover)
    with tempfile.TemporaryDirectory(prefix="tmp-", dir=done.parent) as name:
        target = Path(name) / "done"
        target.mkdir()
        files = standin.make(Path(name), target, report)
        artifacts = {key: _entry(target, done, file) for key, file in files.items()}
        # The catalogue comes last: a directory with it is complete.
        write_catalogue(
            target / CATALOGUE,
            {
                standin.product: {
                    "default": standin.version,
                    "versions": {standin.version: artifacts},
                }
            },
        )
        shutil.rmtree(done, ignore_errors=True)
        target.rename(done)
    report(f"{DETAIL}{standin} is built")


def _entry(target: Path, done: Path, file: File) -> dict[str, dict[str, str]]:
    data = (target / file.name).read_bytes()
    entry = {"url": (done / file.name).as_uri(), "sha256": hashlib.sha256(data).hexdigest()}
    return {file.architecture: entry | ({"member": file.member} if file.member else {})}


def _digest(standin: Standin, go: str) -> str:
    """A name for what comes out of these sources and flags."""
    files = [p for p in standin.sources.rglob("*") if p.is_file()] if standin.sources else []
    wanted = [
        p for p in files if not p.name.endswith("_test.go") and p.suffix not in {".md", ".pyc"}
    ]
    total = hashlib.sha256()
    # The versions of all modules are decided together.
    deciding = ("go.work*", "**/go.mod", "**/go.sum") if standin.go else ()
    workspace = sorted(path for pattern in deciding for path in SOURCES.glob(pattern))
    for path in [*sorted(wanted), *workspace, *map(Path, standin.code), Path(__file__)]:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
        total.update(f"{path.name} {path.parent.name} {content}\n".encode())
    total.update("\n".join([go, standin.version, *standin.ingredients, architecture()]).encode())
    return total.hexdigest()[:16]


@contextmanager
def alone(root: Path, report: Report) -> Iterator[None]:
    """Hold the lock of the cache, so that two builds do not do the same work at once."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            report("another whisklab is building the stand-ins, waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield
