"""Where the time of the end-to-end tests goes: by file, printed and kept in .lab/times.json."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.cluster.site import REPOSITORY

KEPT = REPOSITORY / ".lab/times.json"
# Of a run on two quiet cores, for the order of the first run in a fresh clone.
FIRST = Path(__file__).with_name("times.json")
_PARTS = REPOSITORY / ".lab/e2e/parts"
WAITING, DEPLOYING, TESTING = "waiting", "deploying", "testing"


@contextmanager
def on(file: str, what: str) -> Iterator[None]:
    """Add the time that this lasts to a part of a test file's.

    Args:
        file: the test file, relative to the repository.
        what: WAITING (for a base) or DEPLOYING (a clone, a lab, and taking it down).
    """
    began = time.monotonic()
    yield
    _PARTS.mkdir(parents=True, exist_ok=True)
    with (_PARTS / file.replace("/", ":")).open("a") as parts:
        parts.write(f"{what} {time.monotonic() - began:.2f}\n")


def forget() -> None:
    """Begin anew."""
    for part in _PARTS.glob("*"):
        part.unlink()


def usual() -> dict[str, float]:
    """How long each file took in a run on two quiet cores, the same for everybody, in seconds."""
    return _read(FIRST)


def known() -> dict[str, float]:
    """How long each file took when it ran last, in seconds."""
    return _read(FIRST, KEPT)


def _read(*files: Path) -> dict[str, float]:
    found: dict[str, dict[str, float]] = {}
    for file in files:
        try:
            found |= json.loads(file.read_text())
        except (FileNotFoundError, ValueError):
            continue  # the order is a matter of speed only
    return {file: sum(parts.values()) for file, parts in found.items()}


def collect(testing: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Put together what is known of this run: `testing` has what the tests took, with fixtures."""
    found = {}
    for file, seconds in testing.items():
        parts = {WAITING: 0.0, DEPLOYING: 0.0}
        written = _PARTS / file.replace("/", ":")
        for line in written.read_text().splitlines() if written.exists() else ():
            what, _, spent = line.partition(" ")
            parts[what] += float(spent)
        found[file] = {**parts, TESTING: max(0.0, seconds - sum(parts.values()))}
    return found


def keep(times: Mapping[str, Mapping[str, float]]) -> None:
    """Write it down for the order of the next run; files that did not run keep what they had."""
    try:
        before = json.loads(KEPT.read_text())
    except (FileNotFoundError, ValueError):
        before = {}
    KEPT.parent.mkdir(exist_ok=True)
    KEPT.write_text(json.dumps({**before, **times}, indent=1))


def table(times: Mapping[str, Mapping[str, float]]) -> list[str]:
    """One line for each file, the longest first, and their sum. Pure."""
    rows = sorted(times.items(), key=lambda row: -sum(row[1].values()))
    width = max((len(file) for file, _ in rows), default=4)
    head = f"{'file':{width}}  {WAITING:>9}  {DEPLOYING:>9}  {TESTING:>9}  {'in all':>9}"
    sums = {part: sum(parts[part] for _, parts in rows) for part in (WAITING, DEPLOYING, TESTING)}
    return [head, *(_row(file, parts, width) for file, parts in [*rows, ("in all", sums)])]


def _row(file: str, parts: Mapping[str, float], width: int) -> str:
    numbers = [parts[WAITING], parts[DEPLOYING], parts[TESTING], sum(parts.values())]
    return "  ".join([f"{file:{width}}", *(f"{number:7.1f} s" for number in numbers)])
