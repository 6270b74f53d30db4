"""Copies of secrets on a machine, for another laptop: as they were, for root alone, never told."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pyinfra.api import Config, Inventory, State
from pyinfra.api.connect import connect_all, disconnect_all
from pyinfra.api.operations import run_ops
from pyinfra.api.state import StateStage
from pyinfra.context import ctx_host, ctx_inventory, ctx_state

from tests.contract.test_base_operations import Machine, a_machine
from whisklab.engine.resources import copies
from whisklab.errors import WhisklabError

KEPT = "/var/lib/whisklab/it's kept"
SECRETS = {"ca_key": "-----BEGIN KEY-----\nä\n-----END KEY-----", "password": "hunter22"}


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """One that keeps nothing yet, where we are root already."""
    made = a_machine(tmp_path, "/var/lib")
    made.stub("sudo", 'while test "$1" != sh; do shift; done; shift; exec "$root/shell" "$@"')
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    return made


def on(machine: Machine, work: Callable[[State, Any], Any]) -> Any:
    state = State(Inventory((["@local"], {})), Config(SHELL=str(machine.root / "shell")))
    connect_all(state)
    here = next(iter(state.inventory))
    try:
        with ctx_state.use(state), ctx_inventory.use(state.inventory), ctx_host.use(here):
            return work(state, here)
    finally:
        disconnect_all(state)


def keep(machine: Machine, secrets: dict[str, str] = SECRETS) -> int:
    """Have them kept; return how many operations had something to do."""

    def work(state: State, here: Any) -> int:
        state.set_stage(StateStage.Prepare)
        copies.kept(KEPT, secrets)
        before = machine.tree()
        planned = [each for each in state.ops[here].values() if each.operation_meta.will_change]
        state.set_stage(StateStage.Execute)
        state.is_executing = True
        assert machine.tree() == before
        run_ops(state)
        assert not state.failed_hosts
        return len(planned)

    return int(on(machine, work))


def there(machine: Machine) -> dict[str, str]:
    found: dict[str, str] = on(machine, lambda _, here: copies.there(here, KEPT))
    return found


def test_what_is_kept_is_for_root_and_comes_back_as_it_was(
    machine: Machine, caplog: pytest.LogCaptureFixture
) -> None:
    assert there(machine) == {}
    assert keep(machine) == len(SECRETS)
    for name in SECRETS:
        about = machine.at(f"{KEPT}/{name}").stat()
        assert (about.st_mode & 0o7777, about.st_uid, about.st_gid) == (0o600, 0, 0)
    assert there(machine) == {name: f"{text}\n" for name, text in SECRETS.items()}
    assert "hunter22" not in caplog.text
    before = machine.tree()
    assert keep(machine) == 0
    assert machine.tree() == before


def test_one_that_is_another_s_is_replaced_and_what_lies_beside_stays(machine: Machine) -> None:
    keep(machine)
    machine.put(f"{KEPT}/password", "another\n")
    machine.put(f"{KEPT}/theirs", "no newline")
    machine.put(f"{KEPT}/directory/x", "")
    assert keep(machine) == 1
    assert there(machine)["password"] == "hunter22\n"  # noqa: S105
    assert (there(machine)["theirs"], "directory" in there(machine)) == ("no newline", False)


def test_a_machine_that_cannot_be_asked_is_a_sentence(machine: Machine) -> None:
    machine.stub("base64", "echo 'it is broken' >&2; exit 1")
    keep(machine)
    with pytest.raises(WhisklabError, match="@local: it is broken"):
        there(machine)


@pytest.mark.parametrize("text", ["", "\n", " \n\n"])
def test_a_file_that_a_power_cut_emptied_keeps_nothing(machine: Machine, text: str) -> None:
    keep(machine)
    machine.put(f"{KEPT}/password", text)
    machine.put(f"{KEPT}/its odd name", "x")
    assert sorted(there(machine)) == ["ca_key", "its odd name"]


def test_one_that_is_no_text_is_a_sentence_without_it(machine: Machine) -> None:
    keep(machine)
    machine.at(f"{KEPT}/password").write_bytes(b"hunter22\xff")
    with pytest.raises(WhisklabError) as told:
        there(machine)
    assert str(told.value) == f"@local: {KEPT}/password: the secret is no text: remove it there"
