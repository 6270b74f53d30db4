"""A bundle's installation, gone through for each laptop that it is for. Pure."""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from tests.unit.bundle.making_wheels import file_name, wheel
from whisklab.bundle import laptops, simulation, tar
from whisklab.bundle.manifest import Document, Item, Manifest

PROJECT = b"""\
[project]
name = "whisklab"
dependencies = ["one"]
[project.optional-dependencies]
install = ["pip>=25"]
dev = ["pytest"]
"""
LINUX, MAC = (laptops.laptop("3.12", each) for each in ("linux-amd64", "macos-arm64"))
BOTH = [str(LINUX), str(MAC)]
FAST = "cp312-cp312-manylinux_2_28_x86_64"
NONE = "py3-none-any"
# Name, version, tag, laptops, requirements.
Made = tuple[str, str, str, list[str], list[str]]
RIGHT: list[Made] = [
    ("one", "1", NONE, BOTH, ["fast; sys_platform == 'linux'"]),
    ("pip", "26", NONE, BOTH, []),
    ("fast", "2", FAST, [str(LINUX)], []),
]


def bundle(wheels: list[Made], **more: Any) -> tuple[Manifest, Mapping[str, bytes]]:
    """A manifest, and the blobs of it by their names."""
    archive = io.BytesIO()
    with tarfile.open(fileobj=archive, mode="w") as file:
        info = tarfile.TarInfo("pyproject.toml")
        info.size = len(PROJECT)
        file.addfile(info, io.BytesIO(PROJECT))
    contents = {"tool": archive.getvalue()}
    items = [item("tool", "whisklab", "0.1.0", ["all"], "x.tar", contents["tool"])]
    for name, version, tag, there, requires in wheels:
        data = contents[name] = wheel(name, version, requires, tag)
        items.append(item("wheel", name, version, there, file_name(name, version, tag), data))
    found: dict[str, Any] = {
        "format": 2, "made_by": "whisklab 0", "environment": "lab", "architectures": ["amd64"],
        "needs": [], "items": items, "blobs": [], "laptops": [LINUX, MAC],
        "documents": [Document(name=tar.INSTALL, sha256="a" * 64, size=1)],
    }  # fmt: skip
    blobs = {tar.BLOBS + hashlib.sha256(each).hexdigest(): each for each in contents.values()}
    return Manifest.model_validate(found | more), blobs


def item(kind: str, name: str, version: str, there: list[str], file: str, data: bytes) -> Item:
    sha256 = hashlib.sha256(data).hexdigest()
    return Item.model_validate({
        "kind": kind, "name": name, "version": version, "architectures": there, "file": file,
        "size": len(data), "sha256": sha256, "source": "x", "licence": "unknown",
        "parts": [sha256],
    })  # fmt: skip


def problems(wheels: list[Made], **more: Any) -> list[str]:
    manifest, blobs = bundle(wheels, **more)
    return simulation.problems(manifest, blobs.get)


def test_a_right_one_is_right() -> None:
    assert problems(RIGHT) == []
    assert problems([], items=[], laptops=[], documents=[]) == []  # of before


def _other(index: int, **more: Any) -> Callable[[], list[Made]]:
    names = ("name", "version", "tag", "laptops", "requires")

    def change() -> list[Made]:
        made = dict(zip(names, RIGHT[index], strict=True)) | more
        return [*RIGHT[:index], tuple(made.values()), *RIGHT[index + 1 :]]

    return change


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda: RIGHT[1:], "whisklab needs one on python3.12-linux-amd64: the bundle has it not"),
        (lambda: RIGHT[:2], "one 1 needs fast on python3.12-linux-amd64: the bundle has it not"),
        (_other(0, laptops=[str(LINUX)]), "whisklab needs one on python3.12-macos-arm64"),
        (_other(1, version="24"), "whisklab needs pip>=25 on python3.12-linux-amd64, not 24"),
        (_other(2, tag="cp311-cp311-manylinux_2_28_x86_64"), "is none for python3.12-linux-amd64"),
        (_other(2, tag="cp312-cp312-manylinux_2_35_x86_64"), "is none for python3.12-linux-amd64"),
        (_other(2, laptops=BOTH), "is none for python3.12-macos-arm64"),
        (_other(2, laptops=BOTH, tag=NONE), "for python3.12-macos-arm64, which does not need it"),
        (_other(0, requires=["more"]), "one 1 needs more on python3.12-linux-amd64"),
    ],
)
def test_what_an_installation_would_lack(change: Callable[[], list[Made]], said: str) -> None:
    found = problems(change())
    assert any(said in each for each in found), found


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"items": []}, "whisklab: the bundle is for the laptops python3.12-linux-amd64, "),
        ({"documents": []}, "install.py: the bundle is for the laptops"),
        ({"laptops": []}, "whisklab: is in the bundle, and no laptop that it is for"),
        ({"laptops": [], "items": []}, "whisklab: is in the bundle, and no laptop"),
        ({"laptops": [{"python": "3.12", "platform": "plan9-amd64", "system": "x"}]},
         "python3.12-plan9-amd64: is no laptop that this whisklab knows"),
    ],
)  # fmt: skip
def test_what_is_promised_is_there(more: dict[str, Any], said: str) -> None:
    found = problems(RIGHT, **more)
    assert any(each.startswith(said) for each in found), found


def test_wheels_that_are_none_and_other_ones() -> None:
    manifest, blobs = bundle(RIGHT)
    for index in range(len(RIGHT) + 1):
        sha256 = manifest.items[index].sha256
        broken = {**blobs, tar.BLOBS + sha256: b"x" * 600}
        (said,) = simulation.problems(manifest, broken.get)
        assert said.startswith(str(manifest.items[index])), said
    other = wheel("one", "2")
    (said,) = simulation.problems(
        manifest, {**blobs, tar.BLOBS + manifest.items[1].sha256: other}.get
    )
    assert "wheel one 1: its wheel says that it is one 2" in said


def test_of_a_delta_what_is_there() -> None:
    manifest, blobs = bundle(RIGHT)
    first = manifest.items[0].sha256
    later = manifest.model_copy(update={"absent": [first], "since": "a" * 64})
    fewer = {name: data for name, data in blobs.items() if not name.endswith(first)}
    assert simulation.problems(later, fewer.get) == []
