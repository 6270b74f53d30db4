"""One lab for all cluster tests, made as a new user makes it: a fresh copy, then `make lab`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster.newer import building
from tests.e2e.cluster.site import Run, Site
from tests.e2e.cluster.trial import trial_environment
from tests.e2e.fresh import fresh_site, make_lab

# Most of these tests restart or break what OpenWhisk would be in the middle of; it has a lab of its
# own (tests/e2e/openwhisk), so that each of them need not wait for it.
DATA = "openwhisk_enabled = False\n"


@pytest.fixture(scope="session")
def empty_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A fresh copy of the repository."""
    with fresh_site(tmp_path_factory.mktemp("site"), "e2e", DATA) as site:
        yield site


@pytest.fixture(scope="session")
def made(empty_site: Site) -> Run:
    """The one `make lab` of this session."""
    return make_lab(empty_site)


@pytest.fixture(scope="session")
def newer(empty_site: Site, made: Run) -> Iterator[Callable[[], Path]]:
    """What waits for the newer k3s and returns the catalogue that has both."""
    with building(empty_site) as catalogue:
        yield catalogue


@pytest.fixture(scope="session")
def site(empty_site: Site, made: Run, request: pytest.FixtureRequest) -> Site:
    """The copy with its lab up and deployed."""
    assert made.code == 0, made.output[-4000:]
    tests = [each for each in request.session.items if isinstance(each, pytest.Function)]
    if any("newer" in each.fixturenames for each in tests):
        request.getfixturevalue("newer")  # those tests come last, and its building takes minutes
    return empty_site


@pytest.fixture
def trial(site: Site) -> Iterator[Site]:
    """A second environment on the same hosts, removed afterwards; edit its files at will."""
    with trial_environment(site):
        yield site
