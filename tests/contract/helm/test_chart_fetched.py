"""A chart comes to the laptop before a host is changed, if its release needs it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract import fake_kubernetes as fake
from tests.contract.fake_kubernetes import ENDPOINT, REFUSALS, SILENT, always
from tests.contract.helm.cluster import CHART, Server, otherwise
from tests.unit.engine.http_server import Files, serving
from whisklab.engine.artifacts.entries import Artifact, Source
from whisklab.engine.helm import operations
from whisklab.engine.helm.charts import Chart
from whisklab.engine.helm.release import Release

ARCHIVE = b"a chart"
SHA = hashlib.sha256(ARCHIVE).hexdigest()


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    """Where the chart is; the laptop's cache is empty."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with serving(Files({"/c.tgz": ARCHIVE})) as server:
        yield server


def wish(files: Files, sha256: str = SHA, **more: Any) -> Release:
    source = Source(url=f"{files.url}/c.tgz", sha256=sha256)
    chart = Chart("c 1", sha256, artifact=Artifact(product="c", version="1", source=source))
    return otherwise(chart=chart, **more)


def fetch(release: Release, **how: Any) -> fake.Done:
    do = fake.plan if how.pop("only_plan", False) else fake.carry_out
    return do(operations.chart_fetched, release=release, api=ENDPOINT, **how)


def cached(tmp_path: Path) -> list[bytes]:
    return [each.read_bytes() for each in (tmp_path / "cache").rglob("*") if each.is_file()]


def test_one_that_lacks_is_fetched_once(server: Server, files: Files, tmp_path: Path) -> None:
    planned = fetch(wish(files), only_plan=True)
    assert (planned.planned, planned.failed, files.requests) == (True, False, [])
    done = fetch(wish(files))
    assert (done.failed, done.errors) == (False, [])
    assert [path for path, _ in files.requests] == ["/c.tgz"]
    assert ARCHIVE in cached(tmp_path)
    assert fetch(wish(files)).idle
    assert len(files.requests) == 1
    assert (server.called(), server.api.changes) == ([], [])


def test_a_release_as_wished_does_not_need_it(server: Server, files: Files) -> None:
    server.record(wish(files))
    assert fetch(wish(files)).idle
    assert files.requests == []


@pytest.mark.parametrize("given", [{"config": {}}, {"status": "failed"}])
def test_one_that_differs_needs_it(server: Server, files: Files, given: Any) -> None:
    server.record(wish(files), **given)
    assert not fetch(wish(files)).failed
    assert len(files.requests) == 1


@pytest.mark.parametrize(
    "more", [{"chart": CHART}, {"present": False}, {"chart": None, "present": False}]
)
def test_one_of_the_laptop_or_not_wanted_is_not_looked_at(
    server: Server, files: Files, more: Any
) -> None:
    release = otherwise(**more) if "chart" in more else wish(files, **more)
    assert fetch(release).idle
    assert (files.requests, server.api.asked) == ([], [])


@pytest.mark.parametrize("name", ["cut", "500"])
def test_before_the_api_answers_it_is_fetched(server: Server, files: Files, name: str) -> None:
    given, until, _ = SILENT[name]
    server.api.meanwhile = always(given)
    planned = fetch(wish(files), only_plan=True)
    assert (planned.failed, planned.why, files.requests) == (False, [f"unknown until {until}"], [])
    assert not fetch(wish(files)).failed
    assert len(files.requests) == 1


@pytest.mark.parametrize("name", REFUSALS)
def test_a_look_that_is_refused_is_told(server: Server, files: Files, name: str) -> None:
    given, sentence = REFUSALS[name]
    server.api.meanwhile = always(given)
    assert fetch(wish(files), only_plan=True).why == [sentence]
    done = fetch(wish(files))
    assert (done.failed, done.errors[0], files.requests) == (True, sentence, [])


def test_another_chart_than_the_locked_one_is_refused(
    server: Server, files: Files, tmp_path: Path
) -> None:
    assert server.api.changes == []
    done = fetch(wish(files, "f" * 64))
    assert done.failed
    assert "has another checksum" in done.errors[0] or "f" * 64 in done.errors[0]
    assert ARCHIVE not in cached(tmp_path)


@pytest.mark.parametrize("status", [403, 404])
@pytest.mark.usefixtures("server")
def test_a_source_that_has_it_not_is_told(files: Files, status: int) -> None:
    files.status = status
    done = fetch(wish(files))
    assert done.failed
    assert f"{files.url}/c.tgz" in done.errors[0]
