"""A bundle's files in the cache of a laptop without a network, and for which machines it is."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.contract.bundle.carrying import Builder
from tests.contract.bundle.changing import quiet
from tests.contract.bundle.upstream import Upstream
from whisklab.bundle import filling, uploading, volume
from whisklab.bundle.filling import Filled
from whisklab.bundle.manifest import Manifest
from whisklab.engine.artifacts.entries import Artifact, Source
from whisklab.engine.artifacts.fetching import fetch, fetched_already
from whisklab.errors import BadInput, WhisklabError

FILES = {f"tool{number}": f"program {number} ".encode() * 5000 for number in range(4)}


@pytest.fixture
def builder(tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> Builder:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "outside"))
    made = Builder(tmp_path, upstream)
    made.offer(FILES)
    return made


def fill(bundle: Path, manifest: Manifest) -> Filled:
    with volume.opened(bundle) as found:
        return filling.fill(found, manifest, quiet)


def artifact(builder: Builder, name: str) -> Artifact:
    return builder.catalogue.artifact(name, None, name, "amd64")


@pytest.fixture
def bundle(builder: Builder) -> Path:
    return builder.build("all", [], files=list(FILES))


@pytest.fixture
def inside(builder: Builder, bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A laptop with an empty cache, where nobody answers."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(bundle.parent / "inside"))
    builder.upstream.faults = lambda _: (503, {}, b"")


@pytest.mark.usefixtures("inside")
def test_a_deploy_finds_each_file_and_asks_nobody(builder: Builder, bundle: Path) -> None:
    manifest = builder.manifest(bundle)
    size = sum(map(len, FILES.values()))
    assert not any(fetched_already(artifact(builder, name)) for name in FILES)
    assert fill(bundle, manifest) == Filled(4, 4, size)
    asked = len(builder.upstream.requests)
    for name, data in FILES.items():
        assert fetch(artifact(builder, name), quiet).read_bytes() == data
    assert len(builder.upstream.requests) == asked
    assert fill(bundle, manifest) == Filled(4, 0, 0)
    fetch(artifact(builder, "tool2"), quiet).unlink()
    assert fill(bundle, manifest) == Filled(4, 1, len(FILES["tool2"]))


@pytest.mark.usefixtures("inside")
def test_what_lay_on_the_laptop_that_built_is_found_by_its_checksum(
    builder: Builder, bundle: Path, tmp_path: Path
) -> None:
    fill(bundle, builder.manifest(bundle))
    sha256 = artifact(builder, "tool1").source.sha256
    there = Source(url=f"file://{tmp_path}/nowhere/tool1", sha256=sha256)
    local = Artifact(product="tool1", version="v1", source=there)
    assert fetch(local, quiet).read_bytes() == FILES["tool1"]


@pytest.mark.parametrize("left", sorted(FILES))
def test_each_file_that_only_an_earlier_bundle_has_is_named(
    builder: Builder, bundle: Path, left: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = builder.build("new", [], files=list(FILES), since=bundle)
    manifest = builder.manifest(new)
    monkeypatch.setenv("XDG_CACHE_HOME", str(bundle.parent / "inside"))
    fill(bundle, builder.manifest(bundle))
    assert fill(new, manifest) == Filled(4, 0, 0)
    fetch(artifact(builder, left), quiet).unlink()
    with pytest.raises(WhisklabError) as raised:
        fill(new, manifest)
    assert str(raised.value) == (
        f"file {left}/{left} v1 for amd64: is left to an earlier bundle, and this laptop's cache "
        "has it not: upload that one first"
    )


@pytest.mark.usefixtures("inside")
def test_a_cache_without_room_is_said_before_the_first_byte(
    builder: Builder, bundle: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = builder.manifest(bundle)
    usage = type("Usage", (), {"free": 1000})
    monkeypatch.setattr("whisklab.bundle.blobs.shutil.disk_usage", lambda _: usage)
    with pytest.raises(WhisklabError, match=r"MB of files are to be taken from the bundle, and 0"):
        fill(bundle, manifest)
    assert not list((bundle.parent / "inside").rglob("tool*"))


def test_machines_of_other_kinds_are_named(builder: Builder, bundle: Path) -> None:
    manifest = builder.manifest(bundle)
    uploading.require_fit("b", manifest, {"one": "amd64", "two": "amd64"})
    uploading.require_fit("b", manifest, {})
    with pytest.raises(BadInput) as raised:
        uploading.require_fit("b", manifest, {"one": "amd64", "two": "arm64", "three": "arm64"})
    assert str(raised.value) == (
        "b: is for amd64, and there are machines of other kinds (two, three: arm64): build it with "
        "--arch amd64,arm64"
    )
