"""A lab of the double's machines."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.lab.vagrant import rig


@pytest.fixture
def fern(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> rig.Lab:
    """A lab that is not there yet, in directories of its own."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.chdir(tmp_path)
    return rig.lab(tmp_path)
