"""How checks are reported."""

from __future__ import annotations

import pytest

from whisklab.cli.verify import table
from whisklab.engine import checks
from whisklab.engine.checks import Result

GOOD = Result("master", "nodes are Ready", ok=True, seconds=0.123, detail="3 nodes")
BAD = Result("worker1", "mounts /srv", ok=False, seconds=20, detail="storage does not answer")


@pytest.fixture(autouse=True)
def _two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "_results", [GOOD, BAD])


def test_failed_checks_are_found_by_name_and_host() -> None:
    assert checks.failed() == [BAD]
    assert checks.failed(["mounts /srv"], on="worker1") == [BAD]
    assert checks.failed(["nodes are Ready"]) == []
    assert checks.failed(on="master") == []


def test_a_new_run_forgets_them() -> None:
    checks.forget()
    assert checks.results() == ()
    assert table(checks.results()) == []


def test_the_table_has_a_line_for_each() -> None:
    assert table(checks.results()) == [
        "master   nodes are Ready  ok        0.12 s  3 nodes",
        "worker1  mounts /srv      FAILED   20.00 s  storage does not answer",
    ]
