"""Two small labs, on which runs are killed side by side: most of a deploy is waiting."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from queue import Queue

import pytest

from tests.e2e.bare import bare
from tests.e2e.killed.points import Command, draw, spread
from tests.e2e.killed.rig import DATA, TOPOLOGY, Aftermath, Rig, Trials
from whisklab.engine.tls import authority

LABS = 2
SEED = "SEED"  # an environment variable: which points are drawn


@pytest.fixture(scope="module")
def rigs(
    tmp_path_factory: pytest.TempPathFactory, lab_name: str, test_file: str
) -> Iterator[list[Rig]]:
    """The labs, deployed on once."""
    with ExitStack() as stack, ThreadPoolExecutor(LABS) as pool:
        made, signer = [], authority.new("whisklab killed", datetime.now(UTC))
        for letter in "abcdef"[:LABS]:
            directory, name = tmp_path_factory.mktemp(letter), f"{lab_name}-{letter}"
            site = bare(directory, name, test_file, data=DATA, topology=TOPOLOGY)
            made.append(Rig(stack.enter_context(site)))
            made[-1].give(signer)
        list(pool.map(Rig.prepare, made))
        yield made


@pytest.fixture(scope="module")
def seed() -> int:
    """What the points of this run are drawn by."""
    return int(os.environ.get(SEED) or random.SystemRandom().randrange(1_000_000))


@pytest.fixture(scope="module")
def drawn(rigs: list[Rig], seed: int) -> list[Command]:
    """Where runs are killed today."""
    return draw(rigs[0].commands, seed)


@pytest.fixture(scope="module")
def points(rigs: list[Rig]) -> list[Command]:
    """Where runs are killed when there is time: all over."""
    return spread(rigs[0].commands)


@pytest.fixture(scope="module")
def free(rigs: list[Rig]) -> Queue[Rig]:
    """The labs on which nobody works."""
    free: Queue[Rig] = Queue()
    for rig in rigs:
        free.put(rig)
    return free


@pytest.fixture(scope="module")
def trials(free: Queue[Rig], drawn: list[Command]) -> Iterator[Trials]:
    """The trial of each point of today."""
    with _begun(free, drawn) as trials:
        yield trials


@pytest.fixture(scope="module")
def many_trials(free: Queue[Rig], points: list[Command]) -> Iterator[Trials]:
    """The trial of each point."""
    with _begun(free, points) as trials:
        yield trials


@contextmanager
def _begun(free: Queue[Rig], points: Sequence[Command]) -> Iterator[Trials]:
    # All at once: each takes the next lab that is free.
    def trial(point: str) -> Aftermath:
        rig = free.get()
        try:
            return rig.trial(point)
        finally:
            free.put(rig)

    with ThreadPoolExecutor(LABS) as pool:
        yield {each.point: pool.submit(trial, each.point) for each in points}
        pool.shutdown(cancel_futures=True)
