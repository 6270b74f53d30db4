"""One stand-in for all tests of the contract; tests that stop its roles start their own."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.contract.openwhisk.rig import SYSTEM, Platform


@pytest.fixture(scope="session")
def whisk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The stand-in, with limits that no test but that of limits reaches."""
    room = tmp_path_factory.mktemp("whisk")
    platform = Platform(
        room,
        LIMITS_ACTIONS_INVOKES_PERMINUTE="100000",
        LIMITS_TRIGGERS_FIRES_PERMINUTE="100000",
    )
    yield platform
    platform.stop()


@pytest.fixture(scope="session")
def guest(whisk: Platform) -> Iterator[httpx.Client]:
    """The REST API with the guest's key."""
    with whisk.client() as client:
        yield client


@pytest.fixture(scope="session")
def system(whisk: Platform) -> Iterator[httpx.Client]:
    """The REST API with the system's key."""
    with whisk.client(SYSTEM) as client:
        yield client


@pytest.fixture(scope="session")
def nobody(whisk: Platform) -> Iterator[httpx.Client]:
    """The REST API without a key."""
    with whisk.client("") as client:
        yield client
