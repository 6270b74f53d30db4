"""`make bench`: what a run costs, each part measured side by side in one run. No assertion on time.

Printed as tables, and written to docs/bench. Parts that make labs of their own (c, e) and those
that are programs of their own (connector, images) are done on request only.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from tests.bench import bundles, cold, compare, delay, machine, noop, peers, report, scale
from tests.bench.measure import tell
from tests.bench.report import Result

USUAL = ("a", "b", "d")
PROGRAMS = ("connector", "images")
LOCKED = ("ansible-core", "mitogen")


def parts(lab: str, sizes: Sequence[int]) -> dict[str, Callable[[], Result]]:
    """Return what can be measured, by its letter."""
    return {
        "a": partial(noop.measured, lab),
        "b": partial(compare.measured, lab),
        "c": partial(scale.measured, sizes),
        "d": partial(delay.measured, lab),
        "e": cold.measured,
        "f": partial(bundles.measured, lab),
    }


def _parsed(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("lab", help="that is up, for a, b, d, f and connector")
    parser.add_argument("--parts", default=" ".join(USUAL), help="such as 'a b'")
    parser.add_argument("--sizes", default=" ".join(map(str, scale.SIZES)), help="of c")
    parser.add_argument("--json", action="store_true", help="print the numbers, no tables")
    given = parser.parse_args(arguments)
    given.parts, given.sizes = given.parts.split(), [int(each) for each in given.sizes.split()]
    if strange := set(given.parts) - set(parts("", ())) - set(PROGRAMS):
        parser.error(f"no part {', '.join(sorted(strange))}: there are a to f, connector, images")
    return given


def main(arguments: Sequence[str]) -> int:
    """Measure the parts that were asked for; each is written as soon as it is there."""
    given = _parsed(arguments)
    known, found = parts(given.lab, given.sizes), dict[str, Any]()
    for part in given.parts:
        if part in known:
            found[part] = _measured(part, known[part])
            if not given.json:
                sys.stdout.write(report.section(part, found[part]) + "\n")
        else:
            _program(part, given.lab)
    if given.json:
        numbers = {part: {**each["numbers"], "circumstances": each["circumstances"]}
                   for part, each in found.items()}  # fmt: skip
        sys.stdout.write(json.dumps(numbers, indent=1) + "\n")
    if found:
        tell(f"written to {report.DIRECTORY}")
    return 0


def _measured(part: str, work: Callable[[], Result]) -> dict[str, Any]:
    before = machine.load()
    result = work()
    versions = peers.locked(LOCKED) if part == "b" else {}
    return report.written(part, result, machine.circumstances(before, versions))


def _program(part: str, lab: str) -> None:
    words = [lab] if part == "connector" else []
    subprocess.run([sys.executable, "-m", f"tests.bench.{part}", *words], check=True)


def _end_in_order() -> None:
    """Have a signal end the bench as an error does, so that what was made is removed.

    (A shell has its background jobs ignore Ctrl-C, and Python then leaves it so.)
    """

    def end(number: int, _: object) -> None:
        sys.exit(128 + number)

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)


if __name__ == "__main__":
    _end_in_order()
    os.chdir(Path(__file__).parents[2])
    sys.exit(main(sys.argv[1:]))
