"""Images that archives of the catalogue hold."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from whisklab.bundle.archived import lacking, names
from whisklab.bundle.names import parse
from whisklab.bundle.pulling import Wanted
from whisklab.errors import BadInput

ONE, TWO = (parse(each, "test") for each in ("busybox:1", "x.example/a:2"))
LAYOUT = {"manifests": [{"annotations": {"io.containerd.image.name": str(each)}}
                        for each in (ONE, TWO)]}  # fmt: skip


def archive(path: Path, name: str, document: Any) -> Path:
    data = json.dumps(document).encode()
    with tarfile.open(path, "w:gz") as file:
        entry = tarfile.TarInfo(name)
        entry.size = len(data)
        file.addfile(entry, io.BytesIO(data))
    return path


@pytest.mark.parametrize(
    ("name", "document", "found"),
    [
        ("index.json", LAYOUT, {ONE, TWO}),
        ("./index.json", {"manifests": [{}]}, set()),
        ("manifest.json", [{"RepoTags": ["busybox:1"]}, {"RepoTags": None}], {ONE}),
        ("other", {}, set()),
    ],
)
def test_names(tmp_path: Path, name: str, document: Any, found: set[object]) -> None:
    assert names(archive(tmp_path / "a.tar.gz", name, document)) == found


@pytest.mark.parametrize("data", [b"", b"no tar", b"\x28\xb5\x2f\xfd zstd"])
def test_what_is_no_archive(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a"
    path.write_bytes(data)
    with pytest.raises(BadInput, match=r"is no archive of images"):
        names(path)
    with pytest.raises(BadInput, match=r"is no archive of images"):
        names(archive(path, "index.json", [1]))


def test_what_is_left_to_fetch() -> None:
    wanted = [Wanted(each, ("amd64", "arm64"), ("test",)) for each in (ONE, TWO)]
    held = [("amd64", {ONE, TWO}), ("arm64", {ONE})]
    assert lacking(wanted, held) == [Wanted(TWO, ("arm64",), ("test",))]
    assert lacking(wanted, []) == wanted
