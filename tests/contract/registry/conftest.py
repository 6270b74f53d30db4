"""The registry of the lab on loopback, without a host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.registry.doors import Doors, distribution
from tests.contract.registry.pushing import opened
from tests.contract.registry.relay import Relay
from whisklab.engine.registries.secrets import PUSHER
from whisklab.images.client import Registry


@pytest.fixture(scope="session")
def program() -> Path:
    """Distribution."""
    return distribution()


@pytest.fixture
def doors(program: Path, tmp_path: Path) -> Iterator[Doors]:
    """Both doors, open."""
    made = Doors(program, tmp_path / "registry")
    try:
        made.start(made.push)
        made.start(made.pull)
        yield made
    finally:
        made.stop_all()


@pytest.fixture
def registry(doors: Doors) -> Registry:
    """The door that takes images, as the account that pushes."""
    return opened(doors.url(doors.push), doors.ca, doors.known.passwords[PUSHER])


@pytest.fixture
def relay(doors: Doors) -> Iterator[Relay]:
    """A line to that door which counts, and can be cut."""
    made = Relay(doors.push.port)
    yield made
    made.close()


@pytest.fixture
def behind(doors: Doors, relay: Relay) -> Registry:
    """The door that takes images, through the relay."""
    return opened(f"https://127.0.0.1:{relay.port}", doors.ca, doors.known.passwords[PUSHER])


@pytest.fixture
def uploads(tmp_path: Path) -> Path:
    """Where uploads are remembered."""
    return tmp_path / "uploads"
