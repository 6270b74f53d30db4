"""Our connector beside pyinfra's own, on a host of a lab that is up: a program of its own.

    python -m tests.bench.connector LAB

It connects in this process, which gevent patches for it.
"""

from __future__ import annotations

import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path

from pyinfra.api import Config, Inventory, State
from pyinfra.api.command import StringCommand
from pyinfra.api.connect import connect_all, disconnect_all
from pyinfra.connectors.ssh import SSHConnector

from whisklab.engine.run import hooks
from whisklab.engine.ssh.connector import WhiskSSH
from whisklab.lab.inventory import groups

TIMES = 5
EXECS = 40
UPLOAD_MB = 32


def seconds(work: Callable[[], object]) -> float:
    """Return how long `work` takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def alternating(first: Callable[[], object], second: Callable[[], object]) -> tuple[float, float]:
    """Return the medians of both, measured in turns so that noise meets both."""
    pairs = [(seconds(first), seconds(second)) for _ in range(TIMES)]
    return statistics.median(p[0] for p in pairs), statistics.median(p[1] for p in pairs)


def tell(what: str, ours: float, theirs: float, other: str) -> None:
    """Print one ratio."""
    print(f"{what:<34} {ours:7.3f} s   {theirs / ours:5.2f} times as fast as {other}")


def connect(lab: str, connector: type[SSHConnector]) -> State:
    """Return a state connected to the first master with one connector class."""
    name, data = groups(lab)["masters"][0]
    inventory = Inventory(([(name, data)], {}))
    for host in inventory:
        host.connector_cls = connector
    state = State(inventory, Config())
    connect_all(state)
    return state


def bench_connector(lab: str) -> None:
    """Compare our connector with pyinfra's own on one host."""
    states = [connect(lab, connector) for connector in (WhiskSSH, SSHConnector)]
    ours, theirs = (next(iter(state.inventory)).connector for state in states)
    assert isinstance(ours, WhiskSSH)
    assert isinstance(theirs, SSHConnector)
    command = StringCommand("true")

    def execs(connector: SSHConnector) -> Callable[[], object]:
        return lambda: [connector.run_shell_command(command) for _ in range(EXECS)]

    tell(f"{EXECS} commands on one host", *alternating(execs(ours), execs(theirs)), "pyinfra's own")
    payload = Path(".lab") / "bench-payload"
    payload.parent.mkdir(exist_ok=True)
    payload.write_bytes(bytes(UPLOAD_MB << 20))
    upload = StringCommand("cat", ">", "/dev/null")
    tell(
        f"upload of {UPLOAD_MB} MB",
        *alternating(
            lambda: ours.stream(upload, payload),
            lambda: theirs.put_file(str(payload), "/tmp/whisklab-bench"),
        ),
        "pyinfra's own",
    )
    payload.unlink()
    theirs.run_shell_command(StringCommand("rm", "-f", "/tmp/whisklab-bench"))
    for state in states:
        disconnect_all(state)


def main(lab: str) -> None:
    """Print the ratios."""
    import gevent.monkey  # noqa: PLC0415  as the pyinfra command does

    gevent.monkey.patch_all()
    assert not hooks.installed()
    bench_connector(lab)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "lab")
