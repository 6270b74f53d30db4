"""One lab for all cluster tests, made as a new user makes it: a fresh copy, then `make lab`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.cluster.site import Run, Site
from tests.e2e.cluster.trial import trial_environment

MAKE_LAB_WITHIN = 3600  # seconds; compiling Kubernetes from nothing takes minutes


@pytest.fixture(scope="session")
def empty_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A fresh copy of the repository; its lab, if one came up, is taken down at the end."""
    directory: Path = tmp_path_factory.mktemp("site")
    site = Site(directory, f"e2e-{os.getpid()}")
    site.copy_repository()
    yield site
    if (directory / ".venv/bin/whisklab").exists():
        assert site.whisklab("down", site.name).code == 0


@pytest.fixture(scope="session")
def made(empty_site: Site) -> Run:
    """The one `make lab` of this session."""
    return empty_site.run("make", "lab", f"LAB={empty_site.name}", timeout=MAKE_LAB_WITHIN)


@pytest.fixture(scope="session")
def site(empty_site: Site, made: Run) -> Site:
    """The copy with its lab up and deployed."""
    assert made.code == 0, made.output[-4000:]
    return empty_site


@pytest.fixture
def trial(site: Site) -> Iterator[Site]:
    """A second environment on the same hosts, removed afterwards; edit its files at will."""
    with trial_environment(site):
        yield site
