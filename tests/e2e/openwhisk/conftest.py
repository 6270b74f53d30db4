"""Each file has a clone of the whole platform, as `make lab` leaves it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e import bases
from tests.e2e.bases import Base
from tests.e2e.cloned import cloned
from tests.e2e.cluster.site import Site
from tests.e2e.cluster.trial import trial_environment
from tests.e2e.openwhisk.faulty import second_openwhisk


@pytest.fixture(scope="module")
def made() -> Base:
    """The one `make lab` of this run, in a fresh copy of the repository."""
    return bases.ready("everything")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, lab_name: str, test_file: str) -> Iterator[Site]:
    """The copy with its lab up and deployed."""
    with cloned("everything", tmp_path_factory.mktemp("site"), lab_name, test_file) as made:
        yield made


@pytest.fixture
def trial(site: Site) -> Iterator[Site]:
    """A second environment on the same hosts, removed afterwards; edit its files at will."""
    with trial_environment(site):
        yield site


@pytest.fixture
def faulty(trial: Site) -> Iterator[Site]:
    """The environment of a second OpenWhisk; it is gone afterwards, with its claims."""
    with second_openwhisk(trial) as site:
        yield site
