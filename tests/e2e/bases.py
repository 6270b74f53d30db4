"""The labs that end-to-end tests begin with: made once, kept as snapshots, cloned for each file.

    python -m tests.e2e.bases [--fresh|--remove] [NAME ...]

`everything` is what a new user gets: a fresh copy of the repository, then `make lab`. `platform` is
that without OpenWhisk. (Bare hosts need no base: they are up as soon as a clone would be.)
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.e2e import running
from tests.e2e.cluster.site import REPOSITORY, Site
from whisklab.paths import cache_dir

HOME = REPOSITORY / ".lab/e2e"
STATE = HOME / "state"
SNAPSHOT = "ready"
# Most tests restart or break what OpenWhisk would be in the middle of, and need not wait for it.
WITHOUT_OPENWHISK = "openwhisk_enabled = False\n"
MAKE_LAB_WITHIN = 3600  # seconds; compiling Kubernetes from nothing takes minutes
# What cannot change a base: the tests themselves, and what people read.
_APART = ("tests/", "docs/", ".ci/", "README.md")


@dataclass(frozen=True)
class Base:
    """A base that was made.

    Attributes:
        lab: whose snapshot it is; the lab itself is down.
        digest: of the tree that it was made of.
        output: what its making printed.
        seconds: how long that took.
        code: its exit code; a base is there when it is 0.
    """

    lab: str
    digest: str
    output: str
    seconds: float
    code: int


def digest() -> str:
    """What tells trees apart whose bases differ."""
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "-z"],
        cwd=REPOSITORY, check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    total = hashlib.sha256()
    for name in sorted(filter(None, listed.split("\0"))):
        path = REPOSITORY / name
        if path.is_file() and not name.startswith(_APART):
            total.update(f"{name} {hashlib.sha256(path.read_bytes()).hexdigest()}\n".encode())
    return total.hexdigest()[:12]


def ready(name: str) -> Base:
    """The base, made first when there is none of this tree; another process may be making it.

    Raises:
        RuntimeError: it cannot be made; with the end of what was printed.
    """
    with _alone(name):
        found, now = _read(name), digest()
        if found is None or found.digest != now:
            found = _make(name, now)
    if found.code:
        raise RuntimeError(f"the base {name} could not be made:\n{found.output[-6000:]}")
    return found


def forget_failed() -> None:
    """Have the bases that could not be made tried again; within one run they are not."""
    for name in _MAKERS:
        with _alone(name):
            found = _read(name)
            if found and found.code:
                _remove(name)


def site(directory: Path, name: str, data: str = "") -> Site:
    """A copy of the repository with an environment of a lab, sharing caches, compilers and venv."""
    made = Site(directory, name)
    made.environment |= {
        "XDG_CACHE_HOME": str(cache_dir().parent),
        "XDG_STATE_HOME": str(STATE),
    }
    made.copy_repository()
    (directory / ".venv").symlink_to(Path(sys.executable).parents[1])
    with (directory / f"group_data/{name}.py").open("a") as file:
        file.write(data)
    return made


def _platform(lab: str) -> tuple[int, str]:
    directory = _empty(HOME / "platform")
    made = site(directory, lab, WITHOUT_OPENWHISK)
    steps: Sequence[Sequence[str]] = (("up", lab), ("apply", lab), ("verify", lab))
    return _steps(made, [*steps, *_keep(lab)])


def _everything(lab: str) -> tuple[int, str]:
    directory = _empty(HOME / "everything")
    made = site(directory, lab)
    (directory / ".venv").unlink()  # a new user makes his own
    done = made.run("make", "lab", f"LAB={lab}", timeout=MAKE_LAB_WITHIN)
    if done.code:
        return done.code, done.output
    code, output = _steps(made, _keep(lab))
    return code, done.output if code == 0 else output


_MAKERS: dict[str, Callable[[str], tuple[int, str]]] = {
    "everything": _everything,
    "platform": _platform,
}


def _keep(lab: str) -> Sequence[Sequence[str]]:
    """Snapshot a lab, without starting it again for that."""
    return (("stop", lab), ("snapshot", lab, SNAPSHOT))


def _steps(made: Site, steps: Sequence[Sequence[str]]) -> tuple[int, str]:
    output = ""
    for words in steps:
        # The one that is made beside it may be compiling what this one waits for.
        done = made.run(".venv/bin/whisklab", *words, timeout=MAKE_LAB_WITHIN)
        output += done.output
        if done.code:
            return done.code, output
    return 0, output


def _make(name: str, now: str) -> Base:
    _remove(name)
    lab, began = f"b{name[0]}-{now[:6]}-{os.getpid()}", time.monotonic()
    with running.noted(lab, STATE):
        code, output = _MAKERS[name](lab)
        (HOME / f"{name}.log").write_text(output)
        _whisklab("down", lab)
    made = Base(lab, now, output, time.monotonic() - began, code)
    (HOME / f"{name}.json").write_text(json.dumps(asdict(made)))
    return made


def _remove(name: str) -> None:
    """Remove a base that is of another tree, or that could not be made."""
    found = _read(name)
    if found is None:
        return
    _whisklab("down", found.lab)
    _whisklab("snapshot", found.lab, SNAPSHOT, "--delete")
    (HOME / f"{name}.json").unlink()


def _whisklab(*arguments: str) -> None:
    program = Path(sys.executable).with_name("whisklab")
    environment = {**os.environ, "XDG_STATE_HOME": str(STATE)}
    subprocess.run([program, *arguments], env=environment, check=False, capture_output=True)


def _read(name: str) -> Base | None:
    try:
        return Base(**json.loads((HOME / f"{name}.json").read_text()))
    except (FileNotFoundError, ValueError, TypeError):
        return None


def _empty(directory: Path) -> Path:
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory


@contextmanager
def _alone(name: str) -> Iterator[None]:
    HOME.mkdir(parents=True, exist_ok=True)
    with (HOME / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main() -> int:
    """Make bases, side by side; the exit code says whether all are there."""
    parser = argparse.ArgumentParser(prog="tests.e2e.bases", description=__doc__)
    parser.add_argument("name", nargs="*", help="all of them unless named")
    parser.add_argument(
        "--fresh", action="store_true", help="also when there are some of this tree"
    )
    parser.add_argument("--remove", action="store_true", help="those that are there, make none")
    given = parser.parse_args()
    names = given.name or list(_MAKERS)
    _end_together()
    running.end_leftovers(STATE)
    if given.fresh or given.remove:
        for name in names:
            with _alone(name):
                _remove(name)
    if given.remove:
        return 0
    # The first one compiles whatever is not compiled yet; who comes second waits for its locks.
    with ThreadPoolExecutor(len(names)) as pool:
        made = list(pool.map(_try, names))
    return 0 if all(made) else 1


def _end_together() -> None:
    """Have a SIGTERM end the programs that run for us; what they made is then taken down."""

    def end(*_: object) -> None:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)

    os.setpgrp()
    signal.signal(signal.SIGTERM, end)


def _try(name: str) -> bool:
    try:
        found = ready(name)
    except RuntimeError as error:
        sys.stderr.write(f"{error}\n")
        return False
    sys.stdout.write(f"base {name}: {found.seconds:.0f} s\n")
    return True


if __name__ == "__main__":
    sys.exit(main())
