"""(e) From no machine at all to a platform that works, stage by stage."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import pairwise

from tests.bench import labs
from tests.bench.measure import STAGE, run, tell
from tests.bench.noop import Mark
from tests.bench.report import Result

NAME = "bench-cold"
MARKS = "marks.json"
ABOUT = (
    "A lab of inventories/lab.yaml made for it (artifacts are on the laptop already), one "
    "`whisklab apply`, and `whisklab verify`. A stage is called by what is complete at its end; "
    "CPU is that of the laptop's side."
)


def stages(marks: Sequence[Mark]) -> list[Mark]:
    """Return the stages of a run and how long each took, the start as the first. Pure."""
    ends = [(name.removeprefix(STAGE), wall, cpu) for name, wall, cpu in marks
            if name.startswith(STAGE)]  # fmt: skip
    ends += [("the end", wall, cpu) for name, wall, cpu in marks if name == "ended"]
    return [
        (name, wall - before, cpu - used)
        for (_, before, used), (name, wall, cpu) in pairwise([("", 0.0, 0.0), *ends])
    ]


def measured() -> Result:
    """Measure it on a lab of its own, once: it takes minutes."""
    tell("e: a lab from nothing")
    with labs.made(NAME) as site:
        argv = [sys.executable, "-m", "tests.bench.timed", MARKS, "apply", NAME]
        tell("e: converging it")
        done = run(argv, cwd=site.directory, env=site.environment)
        done.expect(ok=done.code == 0, what=f"whisklab apply {NAME}")
        found = stages(json.loads((site.directory / MARKS).read_text()))
        tell(f"e: converged after {done.wall:.0f} s; verifying it")
        tried = labs.whisklab(site, "verify", NAME)
        tried.expect(ok=tried.code == 0, what=f"whisklab verify {NAME}")
    return result([*found, ("`whisklab verify`", tried.wall, tried.cpu)])


def result(found: Sequence[Mark]) -> Result:
    """Return what was measured as a table. Pure."""
    whole = ("all of it", sum(each[1] for each in found), sum(each[2] for each in found))
    return Result(
        title="From bare machines to a verified platform",
        about=ABOUT,
        header=("stage", "wall s", "CPU s"),
        rows=[(name, f"{wall:.1f}", f"{cpu:.1f}") for name, wall, cpu in [*found, whole]],
        bars=[(name, wall, f"{wall:.1f} s") for name, wall, _ in [*found, whole]],
        quotes=[("from bare machines to a verified platform (the lab)", f"{whole[1]:.0f} s")],
        numbers={"stages": list(found)},
    )
