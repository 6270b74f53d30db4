"""One lab for all tests of OpenWhisk: the whole platform, as `make lab` leaves it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.cluster.site import Run, Site
from tests.e2e.cluster.trial import trial_environment
from tests.e2e.fresh import fresh_site, make_lab


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Site, Run]]:
    """A fresh copy, and the one `make lab` in it."""
    with fresh_site(tmp_path_factory.mktemp("whole"), "e2e-ow") as site:
        yield site, make_lab(site)


@pytest.fixture(scope="session")
def made(whole: tuple[Site, Run]) -> Run:
    """The one `make lab`."""
    return whole[1]


@pytest.fixture(scope="session")
def site(whole: tuple[Site, Run]) -> Site:
    """The copy with its lab up and deployed."""
    site, made = whole
    assert made.code == 0, made.output[-4000:]
    return site


@pytest.fixture
def trial(site: Site) -> Iterator[Site]:
    """A second environment on the same hosts, removed afterwards; edit its files at will."""
    with trial_environment(site):
        yield site
