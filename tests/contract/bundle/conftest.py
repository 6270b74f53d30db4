"""An environment with all its sources on loopback."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.bundle.site import Site, catalogue
from tests.contract.bundle.upstream import Upstream, serving
from whisklab.lab.standins.cache import SOURCES, built
from whisklab.lab.standins.helm import helm as helm_standin
from whisklab.lab.standins.openwhisk import openwhisk as openwhisk_standin


@pytest.fixture(scope="session")
def provisioner_chart(helm: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The provisioner's chart as an archive."""
    directory = tmp_path_factory.mktemp("charts")
    chart = SOURCES / "provisioner/chart"
    subprocess.run([helm, "package", str(chart), "-d", str(directory)], check=True,
                   capture_output=True)  # fmt: skip
    return next(directory.glob("*.tgz"))


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    """The sources."""
    with serving(Upstream()) as found:
        yield found


@pytest.fixture
def site(upstream: Upstream, provisioner_chart: Path, tmp_path: Path) -> Site:
    """A user's directory."""
    charts = built(helm_standin(), print), built(openwhisk_standin(), print)
    made = Site(tmp_path / "site", upstream, tmp_path / "cache")
    made.write(catalogue(upstream, *charts, provisioner_chart))
    return made
