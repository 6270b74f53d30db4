"""Waits without pauses, an API that answers, and a machine with programs of its own."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract import fake_kubernetes as fake
from tests.contract.fake_kubernetes import Api
from tests.contract.k3s.machine import Machine
from whisklab.engine.kubernetes import waiting


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waits have no pauses."""
    monkeypatch.setattr(waiting, "POLL", 0.0)


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Api]:
    """Has an API answer."""
    return lambda api, **more: fake.serve(monkeypatch, api, **more)


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """One whose programs come first in PATH."""
    made = Machine(tmp_path)
    monkeypatch.setenv("PATH", f"{made.bin}:{os.environ['PATH']}")
    return made
