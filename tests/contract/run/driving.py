"""Barriers and locks of runs with two hosts; prints what each run did.

In a process of its own: the module under test patches the standard library.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

from pyinfra.api import Config, Inventory, State
from pyinfra.api.exceptions import PyinfraError
from pyinfra.api.operations import run_ops
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_host, ctx_inventory, ctx_state

from whisklab.engine import runs
from whisklab.engine.run import stages
from whisklab.engine.run.intent import Intent
from whisklab.engine.ssh.connector import WhiskSSH
from whisklab.errors import WhisklabError


class Connector(WhiskSSH):
    """A connection that only has a lock."""

    def __init__(self, name: str, told: list[str]) -> None:
        self.name, self.told = name, told
        self.run_lock: Any = SimpleNamespace(lost=False)
        self.busy = False

    def hold_run_lock(self) -> None:
        """Write it down."""
        if self.busy:
            raise WhisklabError(f"another run is changing {self.name}: ann@laptop: wait for it")
        self.told.append(f"hold {self.name}")
        self.run_lock.lost = False


class Heard(logging.Handler):
    """What is said as an error."""

    def __init__(self, told: list[str]) -> None:
        super().__init__(logging.ERROR)
        self.told = told

    def emit(self, record: logging.LogRecord) -> None:
        """Write it down."""
        self.told.append(record.getMessage().strip())


Prepare = Callable[[State], object]


def nothing(_: State) -> None:
    """Leave it as it is."""


def driven(deploy: Callable[[], None], *, dry: bool = False, asks: bool = False,
           before: Prepare = nothing, between: Prepare = nothing) -> dict[str, Any]:  # fmt: skip
    """Have each of two hosts prepare a deploy, and then carry it out."""
    told: list[str] = []
    state = State(Inventory((["a", "b"], {})), Config())
    state.check_for_changes = asks
    runs.of(state).part(Intent).dry = dry
    for host in state.inventory:
        host.connector = Connector(host.name, told)
        state.activate_host(host)
    stages._look = lambda machine, kind: told.append(f"look {machine.name} {list(kind)}")
    heard = Heard(told)
    logging.getLogger("pyinfra").addHandler(heard)
    found: dict[str, Any] = {"prepared": [], "executed": told}
    with ctx_state.use(state), ctx_inventory.use(state.inventory):
        try:
            state.set_stage(StateStage.Prepare)
            before(state)
            for host in state.inventory.get_active_hosts():
                with ctx_host.use(host):
                    deploy()
            found["prepared"] = list(told)
            found["planned"] = []
            for host in state.inventory:
                with ctx_host.use(host):
                    planned = [one.operation_meta.will_change for one in state.ops[host].values()]
                    found["planned"] += [host.name] * sum(planned)
            told.clear()
            if not dry:
                between(state)
                state.set_stage(StateStage.Execute)
                state.is_executing = True
                run_ops(state)
        except (WhisklabError, PyinfraError) as error:
            found["error"] = f"{type(error).__name__}: {error}"
    logging.getLogger("pyinfra").removeHandler(heard)
    found["failed"] = sorted(host.name for host in state.failed_hosts)
    return found


def _connector(state: State) -> Connector:
    found = state.inventory.get_host("b").connector
    assert isinstance(found, Connector)
    return found


def lost(state: State) -> None:
    """Have a host's lock lost."""
    _connector(state).run_lock.lost = True


def busy(state: State) -> None:
    """Have another run hold a host's lock."""
    _connector(state).busy = True


def failed(state: State) -> None:
    """Have a host that has failed."""
    state.failed_hosts.add(state.inventory.get_host("b"))


def lost_and_busy(state: State) -> None:
    """Have another run take a lock that was lost."""
    lost(state)
    busy(state)


def barrier() -> None:
    """One stage."""
    stages.stage("all is there")


def engine() -> None:
    """A run without config.py."""
    stages.require_engine()


def alone() -> None:
    """A run that is alone on its hosts."""
    stages.exclusive("x")


RUNS: dict[str, Callable[[], dict[str, Any]]] = {
    "barrier": lambda: driven(barrier),
    "barrier, failed": lambda: driven(barrier, between=failed),
    "barrier, dry": lambda: driven(barrier, dry=True),
    "barrier, lost": lambda: driven(barrier, between=lost),
    "barrier, lost and busy": lambda: driven(barrier, between=lost_and_busy),
    "alone": lambda: driven(alone),
    "alone, dry": lambda: driven(alone, dry=True),
    "alone, asks": lambda: driven(alone, asks=True),
    "alone, busy": lambda: driven(alone, before=busy),
    "alone, dry, busy": lambda: driven(alone, dry=True, before=busy),
    "alone, asks, busy": lambda: driven(alone, asks=True, before=busy),
    "no engine": lambda: driven(engine),
}

if __name__ == "__main__":
    print(json.dumps({name: run() for name, run in RUNS.items()}))
