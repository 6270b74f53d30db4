"""A server whose waits have no pauses."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.helm.cluster import Server, served
from whisklab.engine.kubernetes import waiting


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    """One on which nothing is installed."""
    monkeypatch.setattr(waiting, "POLL", 0.0)
    return served(tmp_path, monkeypatch)
