"""(d) The same run over a long way: 50 ms there and back, by a relay before the hosts' SSH."""

from __future__ import annotations

import statistics
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.bench import hosts, relay
from tests.bench.hosts import Host
from tests.bench.measure import Median, Usage, interleaved, run, tell
from tests.bench.peers import HOME, succeeded
from tests.bench.report import Result

ROUND_TRIP = 0.05  # seconds
DIRECT, DELAYED = "direct", f"with {ROUND_TRIP * 1000:.0f} ms"
ABOUT = (
    "`pyinfra inventories/LAB.py deploy.py -y` on a converged lab, in turns straight to the hosts "
    f"and through a relay that holds back each byte for {ROUND_TRIP * 500:.0f} ms each way, "
    "TCP's own handshake included."
)


def measured(lab: str) -> Result:
    """Measure it on a lab that is up."""
    on = hosts.of_lab(lab)
    tell(f"d: {lab} with a round trip of {ROUND_TRIP * 1000:.0f} ms, in turns with none")
    deploy = [Path(sys.executable).with_name("pyinfra"), f"inventories/{lab}.py", "deploy.py",
              "-y", "--json"]  # fmt: skip
    HOME.mkdir(parents=True, exist_ok=True)
    known, config = HOME / "known_hosts", HOME / "ssh_config"
    known.write_text(elsewhere(Path(on[0].known_hosts).read_text()))
    # Not by ssh_hostname: that name is in OpenWhisk's certificate, so the run would make another.
    config.write_text(f"Host {relay.THERE}\n  HostName {relay.HERE}\n")
    there = [f"ssh_config_file={config}", f"ssh_known_hosts_file={known}"]
    delayed = [*deploy, *(word for each in there for word in ("--data", each))]
    with relayed(on):
        _idle(run(deploy))
        found = interleaved(
            {DIRECT: lambda: _idle(run(deploy)), DELAYED: lambda: _idle(run(delayed))}
        )
    return result(found)


def _idle(done: Usage) -> Usage:
    return done.expect(ok=done.code == 0 and succeeded(done.stdout) == 0, what="deploy.py")


def elsewhere(known_hosts: str) -> str:
    """Return known hosts of the relay's address, with the keys of the real one. Pure."""
    return known_hosts.replace(f"[{relay.THERE}]", f"[{relay.HERE}]")


@contextmanager
def relayed(on: Sequence[Host]) -> Iterator[None]:
    """Have a relay before each host; all of them are reached at one address by their ports.

    Raises:
        RuntimeError: they are not, or the relay does not start.
    """
    if strange := [each.name for each in on if each.address != relay.THERE]:
        raise RuntimeError(f"{strange}: only hosts of the embedded lab are relayed to")
    ports = [str(each.port) for each in on]
    argv = [sys.executable, "-m", "tests.bench.relay", str(ROUND_TRIP / 2), *ports]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as running:
        try:
            if running.stdout is None or running.stdout.readline().strip() != relay.READY:
                raise RuntimeError("the relay did not start")
            yield
        finally:
            running.terminate()


def result(found: Mapping[str, Median]) -> Result:
    """Return what was measured as a table. Pure."""
    direct, delayed = found[DIRECT], found[DELAYED]
    # Both of a turn met the same noise.
    turns = zip(delayed.walls, direct.walls, strict=True)
    more = statistics.median(later - at_once for later, at_once in turns)
    trips = more / ROUND_TRIP
    return Result(
        title="The whole platform over a long way",
        about=(
            f"{ABOUT} That is {more:.2f} s more (the median of the turns), or at most {trips:.0f} "
            "round trips one after the other."
        ),
        header=("way", "wall s", "CPU s"),
        rows=[(name, f"{each.wall:.2f}", f"{each.cpu:.2f}") for name, each in found.items()],
        bars=[(name, each.wall, f"{each.wall:.2f} s") for name, each in found.items()],
        quotes=[(f"a run of the whole platform {DELAYED} to the machines", f"{more:.1f} s more")],
        differs=True,
        numbers={"more": more, **{name: each.walls for name, each in found.items()}},
    )
