"""What status and verify tell of our registry: the real program, up and down."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pyinfra.api import Config, Inventory, State
from pyinfra.api.connect import connect_all, disconnect_all
from pyinfra.context import ctx_state

from deploys.registry.status import _ours as status_of
from deploys.registry.verify import _ours as verified
from tests.contract.registry.doors import Doors
from tests.contract.test_base_operations import Machine, a_machine
from whisklab.engine.data import machine as data
from whisklab.engine.registries import registry
from whisklab.engine.registries.access import Access
from whisklab.engine.registries.registry import RegistrySettings
from whisklab.engine.registries.secrets import PULLER
from whisklab.engine.run.overview import Line
from whisklab.errors import WhisklabError

STATES = """case $1 in show) for unit; do :; done; cat "$root/$unit";; esac"""
BOTH = ("whisklab-registry", "whisklab-registry-push")


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """One where we are root already, and whose systemd says that both services run."""
    made = a_machine(tmp_path, "/run")
    made.stub("systemctl", STATES)
    made.stub("sudo", 'while test "$1" != sh; do shift; done; exec "$@"')
    for service in BOTH:
        runs(made, service, "active")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setattr(
        data.Machine, "of", classmethod(lambda cls, _: cls(node_address="127.0.0.1"))
    )
    return made


def runs(machine: Machine, service: str, state: str) -> None:
    text = f"LoadState=loaded\nActiveState={state}\nUnitFileState=enabled\nNeedDaemonReload=no\n"
    (machine.root / service).write_text(text)


def on(machine: Machine, work: Callable[[Any], Any]) -> Any:
    state = State(Inventory((["@local"], {})), Config(SHELL=str(machine.root / "shell")))
    connect_all(state)
    try:
        with ctx_state.use(state):
            return work(next(iter(state.inventory)))
    finally:
        disconnect_all(state)


def have(monkeypatch: pytest.MonkeyPatch, doors: Doors) -> None:
    """Have the data say where the doors are."""
    ports = {"port": doors.pull.port, "push_port": doors.push.port}
    monkeypatch.setattr(RegistrySettings, "of", classmethod(lambda cls, _: cls(**ports)))
    monkeypatch.setattr(registry, "machine", lambda: SimpleNamespace(name="storage"))


def line(machine: Machine) -> Line:
    (found,) = on(machine, status_of)
    assert isinstance(found, Line)
    return found


def test_status_tells_where_it_is_and_each_service_that_does_not_run(
    machine: Machine, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    have(monkeypatch, doors)
    pull, push = (f"https://127.0.0.1:{port}" for port in (doors.pull.port, doors.push.port))
    well = line(machine)
    assert (well.ok, well.data["pull"], well.data["push"]) == (True, pull, push)
    assert well.detail.startswith(f"{pull}; images go to {push}; ")
    assert well.detail.endswith(" MB are free")
    for number, service in enumerate(BOTH):
        runs(machine, service, ("inactive", "failed")[number])
        told = line(machine)
        down = "; ".join(f"{each} does not run" for each in BOTH[: number + 1])
        assert (told.topic, told.ok, told.detail) == ("registry", False, down)


def checked(machine: Machine, doors: Doors) -> str:
    access = Access(f"127.0.0.1:{doors.pull.port}", PULLER, doors.known.passwords[PULLER],
                    doors.ca.read_text())  # fmt: skip
    return str(on(machine, lambda node: verified(access, node)))


def test_verify_tells_the_one_that_is_down_and_where_to_look(
    machine: Machine, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    have(monkeypatch, doors)
    pull, push = (f"https://127.0.0.1:{port}" for port in (doors.pull.port, doors.push.port))
    assert checked(machine, doors) == pull
    doors.stop(doors.pull)
    with pytest.raises(WhisklabError) as told:
        checked(machine, doors)
    said = str(told.value)
    assert said.startswith(f"{pull} answers curl: (7) ")
    assert said.endswith(
        f" 000 401 to @local, expected 401 without an account, 200 with it, and 401 at {push}: "
        "see `journalctl -u whisklab-registry` on storage"
    )
