"""(c) `base` alone on more and more small hosts: what each of them costs on the laptop."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from tests.bench import labs, machine
from tests.bench.measure import Median, Usage, interleaved, tell
from tests.bench.report import Result

SIZES = (4, 16, 32, 64)
TIMES = 3
FIRST_MIB = 64.0  # of a host, unless one was seen to need more
_SPARE = 2048.0  # MiB that stay free
_DATA = "openwhisk_enabled = False\n"
ABOUT = (
    "`whisklab apply --only base`, which includes preflight, on labs of bare hosts made for it: "
    "one master, the rest workers. False findings are errors of any of the runs, the first one "
    "included: there is nothing wrong with these hosts."
)


@dataclass(frozen=True)
class Scaled:
    """What was measured with a number of hosts.

    Attributes:
        hosts: how many.
        found: by a run that changes nothing.
        findings: errors that preflight or anything else told.
        mib: of the machine's memory for each host.
    """

    hosts: int
    found: Median
    findings: int
    mib: float


def topology(number: int) -> str:
    """Return the topology of so many bare hosts. Pure."""
    workers = {f"node{index}": {"groups": ["workers"]} for index in range(1, number)}
    hosts = {"node0": {"groups": ["masters"]}, **workers}
    return json.dumps({"provider": "nspawn", "catalogue": "standins", "hosts": hosts})


def measured(sizes: Sequence[int] = SIZES) -> Result:
    """Measure it with each number of hosts for which there is memory."""
    found: list[Scaled] = []
    needed = FIRST_MIB
    for number in sizes:
        free = machine.available() - _SPARE
        if number * needed > free:
            tell(f"c: {number} hosts of {needed:.0f} MiB do not fit into {free:.0f} MiB: left out")
            continue
        tell(f"c: {number} hosts")
        found.append(_scaled(number))
        needed = max(needed, found[-1].mib)
    return result(found)


def _scaled(number: int) -> Scaled:
    before = machine.available()
    name = f"bench{number}"
    with labs.made(name, topology=topology(number), data=_DATA) as site:
        mib = (before - machine.available()) / number
        errors: list[str] = []

        def applied() -> Usage:
            done = labs.whisklab(site, "apply", name, "--only", "base", "--json")
            errors.extend(told(done))
            return done

        first = applied()
        tell(f"  {number} hosts for the first time: {first.wall:.1f} s, errors so far: {errors}")

        def idle() -> Usage:
            done = applied()
            return done.expect(ok=done.code != 0 or unchanged(done), what="a second run")

        found = interleaved({f"{number} hosts": idle}, TIMES)
    return Scaled(number, found[f"{number} hosts"], len(errors), mib)


def told(done: Usage) -> list[str]:
    """Return the errors of a run. Pure.

    Raises:
        RuntimeError: it said nothing that a program could read.
    """
    done.expect(ok=done.stdout.startswith("{"), what="whisklab apply --json")
    errors: list[str] = json.loads(done.stdout)["errors"]
    return errors


def unchanged(done: Usage) -> bool:
    """Tell whether a run has changed nothing. Pure."""
    return bool(json.loads(done.stdout)["changes"] == [])


def slope(found: Sequence[Scaled]) -> float | None:
    """Return the CPU seconds that one host more costs, by the smallest and the largest lab. Pure.

    None: only one was measured.
    """
    if len(found) < 2:
        return None
    first, last = found[0], found[-1]
    return (last.found.cpu - first.found.cpu) / (last.hosts - first.hosts)


def result(found: Sequence[Scaled]) -> Result:
    """Return what was measured as a table. Pure."""
    more, largest = slope(found), found[-1]
    each_more = "" if more is None else f" One host more costs {more * 1000:.0f} ms of CPU."
    rows = [
        (str(each.hosts), f"{each.found.wall:.2f}", f"{each.found.cpu:.2f}",
         f"{_each(each):.0f}", f"{each.found.peak:.0f}", str(each.findings), f"{each.mib:.0f}")
        for each in found
    ]  # fmt: skip
    last = (
        f"{largest.found.wall:.1f} s, {_each(largest):.0f} ms of CPU a host, "
        f"{largest.found.peak:.0f} MiB"
    )
    return Result(
        title="More hosts, nothing to change",
        about=ABOUT + each_more,
        header=("hosts", "wall s", "CPU s", "CPU ms a host", "peak MiB", "false findings",
                "MiB of a lab's host"),
        rows=rows,
        bars=[(f"{each.hosts} hosts", each.found.wall,
               f"{each.found.wall:.2f} s, {_each(each):.0f} ms of CPU a host") for each in found],
        quotes=[(f"`base` on {largest.hosts} hosts, nothing to change", last)],
        numbers={str(each.hosts): {"wall": each.found.wall, "cpu": each.found.cpu,
                                   "peak": each.found.peak, "findings": each.findings}
                 for each in found},
    )  # fmt: skip


def _each(scaled: Scaled) -> float:
    """Milliseconds of CPU for each host, what a run costs without hosts included."""
    return scaled.found.cpu / scaled.hosts * 1000
