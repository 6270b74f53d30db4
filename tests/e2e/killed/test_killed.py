"""A run that was killed anywhere is followed by one that ends as if nothing had happened.

Each time it is killed at a few points, drawn by a seed (`SEED=... make e2e`, else another one each
time); `make soak` kills it all over.
"""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest

from tests.e2e.killed.points import DRAWN, POINTS, RESTART, Command
from tests.e2e.killed.rig import Aftermath, Rig, Trials

pytestmark = pytest.mark.e2e

MANY = POINTS + 2  # two services are enabled


def by_host(commands: list[Command]) -> dict[str, list[tuple[int, int, bool]]]:
    """Return what is the same in each run: the order of a host's commands, and what they do."""
    found: dict[str, list[tuple[int, int, bool]]] = {}
    for each in commands:
        found.setdefault(each.host, []).append((each.number, each.reads, each.changes))
    return found


def leaves_something(point: Command, commands: list[Command]) -> bool:
    """Tell whether a host is to be changed after the point, however far its own command came."""
    later = [each for each in commands if each.host == point.host and each.number > point.number]
    return any(each.changes for each in later)


def test_the_commands_of_a_host_are_the_same_in_each_run(rigs: list[Rig]) -> None:
    one, other = rigs
    assert by_host(one.commands) == by_host(other.commands)


def test_the_points_are_drawn(
    drawn: list[Command], seed: int, record_property: Callable[[str, object], None]
) -> None:
    told = ", ".join(each.point for each in drawn)
    record_property("said", f"killed runs: seed {seed}, points {told}")
    assert len({each.point for each in drawn}) == DRAWN
    assert any(each.enables for each in drawn)
    assert any(each.uploads for each in drawn)
    assert any(each.helms for each in drawn)


def test_an_undisturbed_run_makes_the_nodes_ready(rigs: list[Rig]) -> None:
    for rig in rigs:
        ready = {each for each in rig.state if each.endswith("Ready is True")}
        assert ready == {"node master: Ready is True", "node worker1: Ready is True"}


@pytest.mark.parametrize("number", range(DRAWN))
def test_the_run_after_a_killed_one_converges(
    rigs: list[Rig], drawn: list[Command], trials: Trials, number: int
) -> None:
    point = drawn[number]
    converged(point, trials[point.point].result(), rigs[0].commands)


@pytest.mark.soak
def test_many_points_are_spread(rigs: list[Rig], points: list[Command]) -> None:
    assert len({each.point for each in points}) == MANY
    assert {each.host for each in points} == set(rigs[0].site.hosts)
    assert any(each.uploads for each in points)
    assert any(RESTART in each.text for each in points)


@pytest.mark.soak
@pytest.mark.parametrize("number", range(MANY))
def test_the_run_after_one_killed_anywhere_converges(
    rigs: list[Rig], points: list[Command], many_trials: Trials, number: int
) -> None:
    point = points[number]
    converged(point, many_trials[point.point].result(), rigs[0].commands)


def converged(point: Command, trial: Aftermath, commands: list[Command]) -> None:
    """Require that a run was killed at the point, and that all is as if it had not been."""
    # It was killed just there, and had not come to its end: the hosts themselves say so.
    assert trial.killed.code == -signal.SIGKILL, trial.killed.output
    assert [each for each in trial.commands if each.host == point.host][-1].point == point.point
    assert not trial.running or any(RESTART in each.text for each in trial.commands)
    # One ordinary run, nobody has cleaned anything up.
    assert trial.following.code == 0, trial.following.output
    assert trial.plan.code == 0, trial.plan.output
    missing, further = trial.expected - trial.state, trial.state - trial.expected
    assert (sorted(missing)[:20], sorted(further)[:20]) == ([], [])
    assert trial.changes or not leaves_something(point, commands)
