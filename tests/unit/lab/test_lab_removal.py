"""Removing directories: only below the one given, never through a mount."""

from __future__ import annotations

from pathlib import Path

import pytest

from whisklab.errors import WhisklabError
from whisklab.lab.common import removal
from whisklab.lab.common.removal import mounted_below, remove_tree

MOUNTINFO = """\
22 27 0:21 / /proc rw,relatime - proc proc rw
30 27 0:30 / /srv/lab/a\\040b/root rw - overlay overlay rw
31 27 0:31 / /srv/labx rw - tmpfs tmpfs rw
"""


def test_mounts_at_and_below_a_directory_are_found() -> None:
    inside = [Path("/srv/lab/a b/root")]
    assert mounted_below(Path("/srv/lab"), MOUNTINFO) == inside
    assert mounted_below(Path("/srv/lab/a b/root"), MOUNTINFO) == inside
    assert mounted_below(Path("/srv/lab/a b/root/etc"), MOUNTINFO) == []
    assert mounted_below(Path("/srv/labx/c"), MOUNTINFO) == []


def test_a_tree_goes_and_what_is_beside_it_stays(tmp_path: Path) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    (tmp_path / "c").mkdir()
    (tmp_path / "a/link").symlink_to(tmp_path / "c")
    remove_tree(tmp_path / "a", tmp_path)
    remove_tree(tmp_path / "a", tmp_path)  # nothing to do
    assert [path.name for path in tmp_path.iterdir()] == ["c"]


def test_a_link_goes_and_its_target_stays(tmp_path: Path) -> None:
    (tmp_path / "target").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "target")
    remove_tree(tmp_path / "link", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["target"]


@pytest.mark.parametrize("path", [".", "..", "../other", "/etc"])
def test_what_lies_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    below = tmp_path / "labs"
    below.mkdir()
    (tmp_path / "other").mkdir()
    with pytest.raises(WhisklabError, match="refusing to remove"):
        remove_tree(below / path, below)
    assert (tmp_path / "other").is_dir()


def test_a_tree_with_a_mount_in_it_stays_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a/b").mkdir(parents=True)
    monkeypatch.setattr(removal, "mounted_below", lambda path, _: [path / "b"])
    with pytest.raises(WhisklabError, match="still mounted in it: .*/a/b"):
        remove_tree(tmp_path / "a", tmp_path)
    assert (tmp_path / "a/b").is_dir()
