"""Room on a host for what a run uploads."""

from __future__ import annotations

from pathlib import Path

import pytest

from whisklab.engine.artifacts.entries import Artifact, Source
from whisklab.engine.artifacts.fetching import size
from whisklab.engine.resources.room import MB, Space, too_large

BINARY, IMAGES, MORE = "/usr/local/bin/k3s", "/var/images/a.tar", "/var/images/b.tar"


def artifact(file: Path, megabytes: int, member: str | None = None) -> Artifact:
    with file.open("wb") as sparse:
        sparse.truncate(megabytes * MB)
    return Artifact(
        product="k3s",
        version="v1",
        source=Source(url=file.as_uri(), sha256="0" * 64),
        member=member,
    )


def test_its_size_is_known_as_soon_as_the_laptop_has_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    local = artifact(tmp_path / "k3s", 70)
    assert size(local) == 70 * MB
    source = Source(url="https://example.org/k3s", sha256="0" * 64)
    assert size(local.model_copy(update={"source": source})) is None
    assert size(artifact(tmp_path / "archive.tgz", 1, member="linux/k3s")) is None
    assert not (tmp_path / "cache").exists()  # a plan asks, and writes nothing


@pytest.mark.parametrize(
    ("bin_free", "var_free", "refused"),
    [
        (70, 50, []),
        (69, 50, [BINARY]),
        (70, 49, [f"{IMAGES} (k3s v1 (a.tar)), {MORE}"]),  # each alone has room
        (0, 0, [BINARY, IMAGES]),
    ],
)
def test_what_has_no_room(tmp_path: Path, bin_free: int, var_free: int, refused: list[str]) -> None:
    lacking = {
        BINARY: artifact(tmp_path / "k3s", 70),
        IMAGES: artifact(tmp_path / "a.tar", 20),
        MORE: artifact(tmp_path / "b.tar", 30),
    }
    var = Space("2", var_free * MB)
    found = too_large(lacking, {BINARY: Space("1", bin_free * MB), IMAGES: var, MORE: var})
    assert len(found) == len(refused)
    assert all(sentence.startswith(start) for sentence, start in zip(found, refused, strict=True))
    if var_free == 49:
        assert "50 MB are needed, and 49 MB are free there: make room" in found[0]
