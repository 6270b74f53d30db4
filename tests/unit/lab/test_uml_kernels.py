"""Which kernel the hosts with their own get."""

from __future__ import annotations

from pathlib import Path

import pytest

from whisklab.errors import WhisklabError
from whisklab.lab.common.run import Report
from whisklab.lab.providers.nspawn import image as base_images
from whisklab.lab.providers.nspawn import requirements
from whisklab.lab.providers.uml import image, kernels
from whisklab.lab.providers.uml.kernels import LIBRARIES, PROGRAM, Kernel

SOURCES = (
    "deb http://mirror.test/debian bookworm-updates main\n"
    "deb http://mirror.test/debian bookworm contrib\n"
    "deb http://mirror.test/debian bookworm main\n"
)


def unpacked(root: Path, version: str) -> Kernel:
    """A kernel with its packages' files, all empty."""
    found = Kernel(version, root)
    found.modules.mkdir(parents=True)
    library = root / "usr/lib/x86_64-linux-gnu"
    for path in (found.program, *(library / name for name in LIBRARIES)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return found


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(kernels, "KERNELS", tmp_path / "kernels")
    return tmp_path / "kernels"


def without_network(_: Report) -> Kernel:
    raise WhisklabError("no route")


def test_the_newest_that_was_fetched_comes_before_the_installed_one(place: Path) -> None:
    unpacked(place / "6.18.3", "6.18.3")
    newest = unpacked(place / "7.2.7", "7.2.7")
    unpacked(place / ".fetching/root", "9.9.9")  # by a run that was killed
    assert kernels.known() == newest
    assert kernels.best(print) == newest  # nothing is fetched
    assert [path.name for path in newest.libraries] == list(LIBRARIES)


def test_without_a_newer_one_the_release_s_own_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Kernel("6.1.176", Path("/"))
    told: list[str] = []
    wanted: list[dict[str, str]] = []
    monkeypatch.setattr(kernels, "_fetched", without_network)
    monkeypatch.setattr(kernels, "_in", lambda root: [own] if root == Path("/") else [])
    monkeypatch.setattr(requirements, "ensure", lambda programs, _: wanted.append(programs))
    assert kernels.best(told.append) == own
    assert wanted == [{PROGRAM: "user-mode-linux"}]
    assert "no route" in told[0]
    assert "slower" in told[1]
    assert own.libraries == []
    monkeypatch.setattr(kernels, "_in", lambda _: [])
    with pytest.raises(WhisklabError, match="reinstall user-mode-linux"):
        kernels.best(told.append)


def test_what_was_unpacked_must_be_whole_and_new_enough(tmp_path: Path) -> None:
    whole = unpacked(tmp_path / "whole", "7.2.7")
    assert kernels._checked(whole.root) == whole
    for broken in ("usr/bin/linux.uml", "usr/lib/x86_64-linux-gnu/libc.so.6"):
        root = unpacked(tmp_path / broken.replace("/", "_"), "7.2.7").root
        (root / broken).unlink()
        with pytest.raises(WhisklabError, match="hold no kernel that fits"):
            kernels._checked(root)
    with pytest.raises(WhisklabError, match="hold no kernel that fits"):
        kernels._checked(unpacked(tmp_path / "old", "6.12.1").root)


def test_the_source_is_the_machine_s_own_mirror() -> None:
    line = kernels.source(SOURCES)
    assert line.startswith("deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] ")
    assert line.endswith(" http://mirror.test/debian sid main\n")
    with pytest.raises(WhisklabError, match="no source"):
        kernels.source("deb http://mirror.test/debian-security bookworm-security main\n")


def test_versions_are_compared_as_numbers() -> None:
    versions = ["6.1.176", "6.12.9", "7.2.7", "6.16.0"]
    assert sorted(versions, key=kernels.numbers) == ["6.1.176", "6.12.9", "6.16.0", "7.2.7"]
    assert kernels.numbers("6.16.0") >= kernels.SINCE > kernels.numbers("6.12.9")


def test_an_image_boots_with_the_kernel_that_it_was_made_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base_images, "IMAGES", tmp_path)
    assert image.kernel_of("x") == ("linux.uml", [])
    directory = tmp_path / "x/kernel"
    directory.mkdir(parents=True)
    program, libraries = image.kernel_of("x")
    assert program == str(directory / "linux.uml")
    assert libraries == [directory / name for name in LIBRARIES]
