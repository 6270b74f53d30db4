"""What several of these tests need built."""

from __future__ import annotations

from pathlib import Path

import pytest

from whisklab.engine.artifacts.catalogue import Catalogue
from whisklab.engine.artifacts.fetching import member
from whisklab.lab.standins.cache import architecture, built
from whisklab.lab.standins.helm import helm as helm_standin
from whisklab.lab.standins.openwhisk import openwhisk


@pytest.fixture(scope="session")
def helm() -> str:
    """The program; built once, then from the cache."""
    catalogue = Catalogue(built(helm_standin(), print))
    program = member(catalogue.artifact("helm", None, "helm", architecture()))
    program.chmod(0o755)
    return str(program)


@pytest.fixture(scope="session")
def openwhisk_catalogue() -> Path:
    """The catalogue of OpenWhisk's stand-in alone; built once, then from the cache."""
    return built(openwhisk(), print)
