"""(b) Forty items that are there already, by four programs on the same hosts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from tests.bench import hosts, noop
from tests.bench.hosts import Host
from tests.bench.items import Items, expected, items, look, removal, values
from tests.bench.measure import TIMES, Median, Usage, interleaved, ratio, tell
from tests.bench.peers import HOME, OURS, Peer, peers
from tests.bench.report import Result
from whisklab.engine import runlog

ABOUT = (
    "12 files with content (4 of them units), 8 directories, 6 links, 4 lists of packages, 6 "
    "settings of the kernel and 4 services on each host, each a task or operation of its own. "
    "Ansible is tuned: pipelining, ControlPersist (connections are open before, and their CPU does "
    "not count), as many forks as hosts, no facts gathered; packages and settings are a shell "
    "command, which is quicker than a module. Each program began with bare hosts, what it made was "
    "compared with what is wanted, and none of the measured runs has changed anything. Seconds are "
    "medians of five turns, ratios the medians of the turns' ratios."
)


def measured(lab: str) -> Result:
    """Measure it on a lab that is up; what is made there for it is removed."""
    on, wanted = hosts.of_lab(lab), items()
    tell(f"b: {len(wanted)} items on {len(on)} hosts: {', '.join(each.name for each in on)}")
    before = _before(lab, on, wanted)

    def cleared() -> None:
        hosts.on_all(on, lambda each: each.root(removal(wanted, before[each.name])))

    cleared()  # what a killed run has left
    try:
        with peers(lab, on, wanted) as programs:
            for each in programs:
                cleared()
                _converged(each, on, wanted)
            found = interleaved({each.name: partial(_idle, each) for each in programs}, TIMES)
            seen = noop.commands(runlog.DIRECTORY / lab)
    finally:
        tell("b: removing what was made")
        cleared()
        _kept(lab).unlink()
    counted(seen, [each.name for each in on])
    return result(found, len(wanted), len(on))


def _before(lab: str, on: Sequence[Host], wanted: Items) -> dict[str, str]:
    """Return the settings of the kernel as they were, also when a killed run has left others."""
    if not _kept(lab).exists():
        found = hosts.on_all(on, lambda each: each.root(values(wanted)))
        HOME.mkdir(parents=True, exist_ok=True)
        _kept(lab).write_text(json.dumps(found))
    read: dict[str, str] = json.loads(_kept(lab).read_text())
    return read


def _kept(lab: str) -> Path:
    return HOME / f"before-{lab}.json"


def _converged(program: Peer, on: Sequence[Host], wanted: Items) -> None:
    """Have a program make all on bare hosts, and look whether it is there.

    Raises:
        RuntimeError: it has made something else, or changes something once more.
    """
    first, changed = program.applied()
    tell(f"  {program.name} has made {changed} things in {first.wall:.1f} s")
    for name, lines in hosts.on_all(on, lambda each: each.root(look(wanted)).splitlines()).items():
        if apart := set(expected(wanted)) ^ set(lines):
            raise RuntimeError(f"{program.name}, {name}: other than wanted: {sorted(apart)}")
    _idle(program)


def _idle(program: Peer) -> Usage:
    done, changed = program.applied()
    return done.expect(ok=changed == 0, what=f"{program.name} has changed {changed} things again")


def counted(seen: Mapping[str, int], names: Sequence[str]) -> None:
    """Raise if ours has asked a host by more than one command. Pure."""
    if dict(seen) != dict.fromkeys(sorted(names), 1):
        raise RuntimeError(f"expected one command for each of {sorted(names)}, counted {seen}")


def result(found: Mapping[str, Median], count: int, number: int) -> Result:
    """Return what was measured as a table. Pure."""
    ours = found[OURS]
    rows, bars, quotes = [], [], []
    for name, each in found.items():
        wall, cpu = ratio(each.walls, ours.walls), ratio(each.cpus, ours.cpus)
        rows.append((name, f"{each.wall:.2f}", f"{wall:.1f}", f"{each.cpu:.2f}", f"{cpu:.1f}"))
        bars.append((name, each.wall, f"{each.wall:.2f} s ({wall:.1f})"))
        if name != OURS:
            quotes.append((f"{count} items in place on {number} hosts, {name}",
                           f"{wall:.1f} times ours (CPU {cpu:.1f} times)"))  # fmt: skip
    return Result(
        title=f"{count} items on {number} hosts, nothing to change",
        about=ABOUT,
        header=("program", "wall s", "times ours", "CPU s", "times ours"),
        rows=rows,
        bars=bars,
        quotes=quotes,
        numbers={name: {"wall": each.wall, "cpu": each.cpu, "walls": each.walls, "cpus": each.cpus}
                 for name, each in found.items()},
    )  # fmt: skip
