"""(a) A run of the whole platform that changes nothing, and where its time goes."""

from __future__ import annotations

import json
import statistics
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.bench.measure import TIMES, Median, Usage, interleaved, run, tell
from tests.bench.report import Result
from whisklab.engine import runlog

BIN = Path(sys.executable).parent
NOTHING = "nothing had to be changed"
MARKS = Path(".lab/bench/marks.json")
Mark = tuple[str, float, float]
Part = tuple[str, float, float]  # its name, wall and CPU seconds
# A part begins with the first mark and ends with the second one.
_PARTS = (
    ("start to inventory", "", "Connect"),
    ("connect", "Connect", "Prepare"),
    ("prepare, before the look", "Prepare", "look"),
    ("look (one command a host)", "look", "looked"),
    ("prepare, after the look", "looked", "Execute"),
    ("execute", "Execute", "Disconnect"),
    ("end", "Disconnect", "ended"),
)
ABOUT = (
    "`whisklab apply` on a converged lab, in turns with the same run in a program that notes when "
    "each part begins. CPU of the parts is that of the process itself."
)


def parts(marks: Sequence[Mark]) -> list[Part]:
    """Return how long each part of a run took. Pure.

    Raises:
        RuntimeError: a mark is missing, so the run was another one.
    """
    at = {"": (0.0, 0.0), **{name: (wall, cpu) for name, wall, cpu in marks}}
    missing = {name for _, *ends in _PARTS for name in ends} - set(at)
    if missing:
        raise RuntimeError(f"the run had no {', '.join(sorted(missing))}")
    return [
        (name, at[end][0] - at[begin][0], at[end][1] - at[begin][1]) for name, begin, end in _PARTS
    ]


def medians(runs: Sequence[Sequence[Part]]) -> list[Part]:
    """Return the median of each part over several runs. Pure."""
    return [
        (each[0][0], statistics.median(wall for _, wall, _ in each),
         statistics.median(cpu for _, _, cpu in each))
        for each in zip(*runs, strict=True)
    ]  # fmt: skip


def commands(log: Path) -> dict[str, int]:
    """Return how many commands each host had in the newest run that was written down there."""
    newest, *_ = runlog.files(log)
    return dict(sorted(Counter(each.host for each in runlog.read(newest).entries).items()))


def idle(done: Usage, what: str) -> Usage:
    """Return a run that has changed nothing.

    Raises:
        RuntimeError: it has, or failed.
    """
    return done.expect(ok=done.code == 0 and NOTHING in done.stdout, what=what)


def measured(lab: str) -> Result:
    """Measure it on a lab that is up."""
    tell(f"a: `whisklab apply {lab}`, which is to change nothing; once before it counts")
    apply = [BIN / "whisklab", "apply", lab]
    idle(run(apply), f"{lab} is not converged; whisklab apply {lab}")
    noted: list[list[Part]] = []

    def timed() -> Usage:
        argv = [sys.executable, "-m", "tests.bench.timed", MARKS, *apply[1:]]
        done = idle(run(argv), "the timed run")
        noted.append(parts(json.loads(MARKS.read_text())))
        return done

    MARKS.parent.mkdir(parents=True, exist_ok=True)
    found = interleaved(
        {"plain": lambda: idle(run(apply), "apply"), "with its parts": timed}, TIMES
    )
    seen = commands(runlog.DIRECTORY / lab)
    return result(found["plain"], found["with its parts"], medians(noted), seen)


def result(plain: Median, timed: Median, each: Sequence[Part], seen: Mapping[str, int]) -> Result:
    """Return what was measured as a table. Pure.

    Args:
        plain: runs without hooks.
        timed: those with them.
        each: the parts of these.
        seen: how many commands each host had.
    """
    rows = [
        *each,
        ("the whole of these runs", timed.wall, timed.cpu),
        ("a run without hooks", plain.wall, plain.cpu),
    ]
    told = ", ".join(f"{name} {number}" for name, number in seen.items())
    return Result(
        title="The whole platform, nothing to change",
        about=f"{ABOUT} Peak memory {plain.peak:.0f} MiB. Commands: {told}.",
        header=("part", "wall s", "CPU s"),
        rows=[(name, f"{wall:.2f}", f"{cpu:.2f}") for name, wall, cpu in rows],
        bars=[(name, wall, f"{wall:.2f} s") for name, wall, _ in rows],
        quotes=[("a run of the whole platform that changes nothing",
                 f"{plain.wall:.1f} s, {plain.cpu:.1f} s of CPU, {plain.peak:.0f} MiB")],
        numbers={"wall": plain.wall, "cpu": plain.cpu, "peak": plain.peak, "walls": plain.walls,
                 "parts": list(each), "commands": dict(seen)},
    )  # fmt: skip
