"""Which builds of stand-ins are old: those that nothing names, and only after an hour."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from whisklab.lab.standins import cache, old
from whisklab.lab.standins.helm import helm

_GO = "#!/bin/sh\necho go1.26.1\n"
HOURS_AGO = 1_000_000_000


@pytest.fixture(autouse=True)
def top(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty cache, and a Go that only tells its version; gives the directory of builds."""
    programs = tmp_path / "programs"
    programs.mkdir()
    (programs / "go").write_text(_GO)
    (programs / "go").chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache/whisklab/standins"


def build(place: Path, when: float = HOURS_AGO) -> Path:
    place.mkdir(parents=True)
    (place / "program").write_bytes(b"x" * 100_000)
    product = {"default": "1", "versions": {"1": {"p": {"all": {
        "url": (place / "program").as_uri(), "sha256": ""}}}}}  # fmt: skip
    (place / cache.CATALOGUE).write_text(yaml.safe_dump({place.parent.name: product}))
    os.utime(place / cache.CATALOGUE, (when, when))
    return place


def no_report(_line: str) -> None:
    pass


def test_what_nothing_names_goes_and_its_size_is_told(top: Path) -> None:
    unused = build(top / "k3s/1111")
    used = build(top / "k3s/2222")
    today = build(cache.place_of(helm(), no_report))
    young = build(top / "wsk/3333", (Path("/proc/self").stat().st_mtime))
    catalogues = [str(used / cache.CATALOGUE), "upstream", str(top / "gone.yaml")]
    (listed,) = old.clean(catalogues, no_report, dry=True)
    assert unused.is_dir()
    assert listed.what == "stand-in k3s/1111"
    assert listed.size >= 100_000
    assert old.clean(catalogues, no_report) == (listed,)
    assert not unused.exists()
    assert all(each.is_dir() for each in (used, today, young))
    assert old.clean(catalogues, no_report) == ()


def test_without_go_all_stay(top: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    unused = build(top / "k3s/1111")
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))
    lines: list[str] = []
    assert old.clean([], lines.append) == ()
    assert unused.is_dir()
    assert "all stay" in lines[0]
