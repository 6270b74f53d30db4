"""Each file has a clone of the platform without OpenWhisk."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.e2e.cloned import cloned
from tests.e2e.cluster.site import Site
from tests.e2e.cluster.trial import trial_environment


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, lab_name: str, test_file: str) -> Iterator[Site]:
    """The copy with its lab up and converged."""
    with cloned("platform", tmp_path_factory.mktemp("site"), lab_name, test_file) as made:
        yield made


@pytest.fixture
def trial(site: Site) -> Iterator[Site]:
    """A second environment on the same hosts, removed afterwards; edit its files at will."""
    with trial_environment(site):
        yield site
