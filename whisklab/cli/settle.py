"""Waiting until what was deployed on a lab runs again, after its machines were started."""

from __future__ import annotations

import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from whisklab.cli.deploy import describe, inventory_of
from whisklab.cli.status import Silent
from whisklab.lab import status
from whisklab.lab.common.run import Report

PATIENCE = 240.0  # seconds; everything of OpenWhisk has started again by then
# What a plan says this often, and still after this time, is drift and no start that goes on.
_ALIKE, _LEAST = 3, 60.0


def settled(lab: str, report: Report) -> str:
    """Wait until a plan of a lab that was restored is empty, or stays the same; return a sentence.

    Nothing is waited for where nothing was deployed: that is what a missing kubeconfig says.
    """
    _booted(lab)
    deployed = (Path(".secrets") / lab / "kubeconfig").is_file()
    if not (deployed and (Path("inventories") / f"{lab}.py").is_file()):
        return f"{lab} is up"
    from whisklab.engine.run.start import run  # noqa: PLC0415  patches the library for gevent

    began, before, alike = time.monotonic(), None, 0
    while (spent := time.monotonic() - began) < PATIENCE and (alike < _ALIKE or spent < _LEAST):
        outcome = run.plan(inventory_of(lab), Silent())
        if outcome.code == run.DONE:
            return f"{lab} is as it was deployed: a plan is empty"
        found = [*map(describe, outcome.changes), *outcome.errors]
        alike = alike + 1 if found == before else 1
        before = found
        report(f"waiting for what starts: {next(iter(found), '')}")
    return f"{lab} is up, but not as the data say: `whisklab plan {lab}` tells what differs"


def _booted(lab: str) -> None:
    """Wait until each machine has started all that it starts by itself."""
    known = status.known(lab)
    wait = ["systemctl", "is-system-running", "--wait"]
    argv = [status.ssh_command(known, host.name, wait) for host in known.hosts]
    with ThreadPoolExecutor(len(argv)) as pool:
        list(pool.map(_until_end, argv))


def _until_end(argv: list[str]) -> None:
    """Run it; what it says of the machine, and that it takes long, is a matter of the plan."""
    with suppress(subprocess.TimeoutExpired):
        subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=PATIENCE
        )
