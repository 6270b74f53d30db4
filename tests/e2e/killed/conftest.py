"""Two small labs, on which runs are killed side by side: most of a deploy is waiting."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import pytest

from tests.e2e.cluster.site import Site
from tests.e2e.killed.points import Command, spread
from tests.e2e.killed.rig import Aftermath, Rig, Trials
from tests.e2e.turns import first_up


@pytest.fixture(scope="module")
def rigs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Rig]]:
    """The labs, deployed on once; both in one copy of the repository."""
    directory: Path = tmp_path_factory.mktemp("killed")
    (directory / ".venv").symlink_to(Path(sys.executable).parents[1])
    made = []
    for letter in "ab":
        site = Site(directory, f"killed-{letter}-{os.getpid()}")
        site.copy_repository()
        made.append(Rig(site))
    try:
        with ThreadPoolExecutor(len(made)) as pool:
            with first_up():
                list(pool.map(Rig.up, made))
            list(pool.map(Rig.prepare, made))
        yield made
    finally:
        downs = [rig.site.whisklab("down", rig.site.name) for rig in made]
        assert [down.code for down in downs] == [0] * len(downs)


@pytest.fixture(scope="module")
def points(rigs: list[Rig]) -> list[Command]:
    """Where runs are killed: all over, and where a service is enabled but has never started."""
    commands = rigs[0].commands
    enabling = [each for each in commands if "systemctl enable" in each.text]
    return [*enabling, *spread([each for each in commands if each not in enabling])]


@pytest.fixture(scope="module")
def trials(rigs: list[Rig], points: list[Command]) -> Iterator[Trials]:
    """The trial of each point: they begin at once, each takes the next lab that is free."""
    free: Queue[Rig] = Queue()
    for rig in rigs:
        free.put(rig)

    def trial(point: str) -> Aftermath:
        rig = free.get()
        try:
            return rig.trial(point)
        finally:
            free.put(rig)

    pool = ThreadPoolExecutor(len(rigs))
    yield {each.point: pool.submit(trial, each.point) for each in points}
    pool.shutdown(cancel_futures=True)
