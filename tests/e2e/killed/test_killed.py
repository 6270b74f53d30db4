"""A run that was killed anywhere is followed by one that ends as if nothing had happened."""

from __future__ import annotations

import signal

import pytest

from tests.e2e.killed.points import POINTS, RESTART, Command
from tests.e2e.killed.rig import Rig, Trials

pytestmark = pytest.mark.e2e

UPLOAD = 1 << 20  # bytes; no file that is written from text is as large
TRIALS = POINTS + 2


def by_host(commands: list[Command]) -> dict[str, list[tuple[int, int, bool]]]:
    """Return what is the same in each run: the order of a host's commands, and what they do."""
    found: dict[str, list[tuple[int, int, bool]]] = {}
    for each in commands:
        found.setdefault(each.host, []).append((each.number, each.reads, each.changes))
    return found


def test_the_commands_of_a_host_are_the_same_in_each_run(rigs: list[Rig]) -> None:
    one, other = rigs
    assert by_host(one.commands) == by_host(other.commands)


def test_the_points_are_spread(rigs: list[Rig], points: list[Command]) -> None:
    assert len({each.point for each in points}) == TRIALS
    assert {each.host for each in points} == set(rigs[0].site.hosts)
    assert any(each.reads > UPLOAD for each in points)
    assert any(RESTART in each.text for each in points)


def test_an_undisturbed_run_makes_the_nodes_ready(rigs: list[Rig]) -> None:
    for rig in rigs:
        ready = {each for each in rig.state if each.endswith("Ready is True")}
        assert ready == {"node master: Ready is True", "node worker1: Ready is True"}


@pytest.mark.parametrize("number", range(1, TRIALS + 1))
def test_the_run_after_a_killed_one_converges(
    points: list[Command], trials: Trials, number: int
) -> None:
    point = points[number - 1]
    trial = trials[point.point].result()
    # It was killed just there, and had not come to its end: the hosts themselves say so.
    assert trial.killed.code == -signal.SIGKILL, trial.killed.output
    assert [each for each in trial.commands if each.host == point.host][-1].point == point.point
    assert not trial.running or any(RESTART in each.text for each in trial.commands)
    # One ordinary run, nobody has cleaned anything up.
    assert trial.following.code == 0, trial.following.output
    assert trial.plan.code == 0, trial.plan.output
    missing, further = trial.expected - trial.state, trial.state - trial.expected
    assert (sorted(missing)[:20], sorted(further)[:20]) == ([], [])
    # What the very last command began may have ended without us.
    assert trial.changes or number == TRIALS
