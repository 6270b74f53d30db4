"""The registry of the lab on loopback, without a host."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.registry.doors import Doors
from tests.contract.registry.pushing import opened
from whisklab.engine.artifacts import member
from whisklab.engine.catalogue import Catalogue
from whisklab.engine.registry import PUSHER
from whisklab.images.client import Registry
from whisklab.lab.standins.cache import architecture, built
from whisklab.lab.standins.registry import registry as standin


@pytest.fixture(scope="session")
def program() -> Path:
    """Distribution; built once, then from the cache."""
    catalogue = Catalogue(built(standin(), print))
    found = member(catalogue.artifact("registry", None, "registry", architecture()))
    found.chmod(0o755)
    return found


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
def uploads(tmp_path: Path) -> Path:
    """Where uploads are remembered."""
    return tmp_path / "uploads"
