"""Stages stop at a failure, and a run has its hosts alone; in a process of its own."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HOLD = ["hold a", "hold b"]
LOOK = ["look a ['x']", "look b ['x']"]
BUSY = "another run is changing b: ann@laptop: wait for it"


@pytest.fixture(scope="module")
def runs() -> Any:
    """What each run of `driving` did."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.contract.run.driving"],
        cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize("name", ["barrier", "barrier, dry"])
def test_a_stage_that_all_have_reached_is_nothing(runs: Any, name: str) -> None:
    assert runs[name] == {"prepared": [], "executed": [], "planned": [], "failed": []}


def test_a_stage_stops_those_that_are_well_and_says_because_of_whom(runs: Any) -> None:
    found = runs["barrier, failed"]
    assert found["failed"] == ["a", "b"]
    assert "[a] stopped here, because of b" in found["executed"]


def test_a_lock_that_was_lost_is_had_again_at_the_next_stage(runs: Any) -> None:
    found = runs["barrier, lost"]
    assert (found["executed"], found["failed"]) == (["hold b"], [])


def test_one_that_somebody_else_has_meanwhile_fails_the_host(runs: Any) -> None:
    found = runs["barrier, lost and busy"]
    assert found["failed"] == ["b"]
    assert f"[b] {BUSY}" in found["executed"]


def test_a_run_has_its_hosts_alone_before_it_asks_anything_and_at_once(runs: Any) -> None:
    found = runs["alone"]
    assert sorted(found["prepared"]) == sorted([*HOLD, *LOOK])
    for host in "ab":
        assert found["prepared"].index(f"hold {host}") < found["prepared"].index(
            f"look {host} ['x']"
        )
    assert sorted(found["executed"]) == sorted([*HOLD, *LOOK])
    assert (found["planned"], found["failed"]) == ([], [])


def test_a_plan_takes_no_lock(runs: Any) -> None:
    for name in ("alone, dry", "alone, dry, busy"):
        found = runs[name]
        assert sorted(found["prepared"]) == LOOK
        assert (found["executed"], found["planned"], found["failed"]) == ([], [], [])


def test_a_run_that_asks_its_user_takes_it_when_it_executes_and_looks_again(runs: Any) -> None:
    found = runs["alone, asks"]
    assert sorted(found["prepared"]) == LOOK
    assert sorted(found["executed"]) == sorted([*HOLD, *LOOK])
    later = found["executed"]
    assert max(map(later.index, HOLD)) < min(map(later.index, LOOK))


def test_who_has_it_ends_a_run_before_anything_is_asked_there(runs: Any) -> None:
    found = runs["alone, busy"]
    assert found["error"] == f"WhisklabError: {BUSY}"
    assert LOOK[1] not in found["executed"]


def test_who_has_it_fails_the_host_of_a_run_that_has_asked_its_user(runs: Any) -> None:
    found = runs["alone, asks, busy"]
    assert found["failed"] == ["b"]
    assert f"[b] {BUSY}" in found["executed"]
    assert LOOK[1] not in found["executed"]


def test_without_the_engine_a_deploy_is_refused(runs: Any) -> None:
    assert runs["no engine"]["error"] == (
        "PyinfraError: deploy.py needs the engine that config.py installs: run pyinfra in the "
        "directory of config.py"
    )
