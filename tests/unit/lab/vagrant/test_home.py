"""The checkout in which a lab was made: gone, moved, or another one than the current."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.lab.vagrant.rig import UP, Lab, up
from whisklab.errors import BadInput


def test_a_directory_without_a_vagrantfile(fern: Lab) -> None:
    (fern.home / "Vagrantfile").unlink()
    with pytest.raises(BadInput, match="there is no Vagrantfile in .*go to the repository"):
        fern.provider.check(fern.wish())


def test_a_checkout_that_has_moved_is_adopted(fern: Lab, tmp_path: Path) -> None:
    up(fern)
    fern.provider.stop("fern", fern.report)
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("Vagrantfile", ".vagrant"):
        (fern.home / name).rename(moved / name)
    for verb in (fern.provider.machines, lambda lab: fern.provider.down(lab, fern.report)):
        with pytest.raises(BadInput, match="no Vagrantfile in .*, where fern was made: go to the"):
            verb("fern")
    os.chdir(moved)
    assert up(fern) == UP
    assert fern.double.environment["VAGRANT_CWD"] == str(moved)


def test_other_verbs_go_to_the_directory_of_the_lab(fern: Lab, tmp_path: Path) -> None:
    """The current one may be another checkout."""
    up(fern)
    (tmp_path / "elsewhere").mkdir()
    os.chdir(tmp_path / "elsewhere")
    fern.provider.stop("fern", fern.report)
    assert fern.double.environment["VAGRANT_CWD"] == str(fern.home)


@pytest.mark.parametrize("verb", ["up", "stop", "down", "rebuild", "snapshot", "restore", "delete"])
def test_without_its_checkout_no_verb_asks_vagrant_anything(fern: Lab, verb: str) -> None:
    up(fern)
    fern.provider.snapshot(fern.wish(), "a", {}, {}, fern.report)
    wish, provider = fern.wish(), fern.provider
    does: dict[str, Callable[[], object]] = {
        "up": lambda: provider.up(wish, fern.report),
        "stop": lambda: provider.stop("fern", fern.report),
        "down": lambda: provider.down("fern", fern.report),
        "rebuild": lambda: provider.rebuild(wish, (), fern.report),
        "snapshot": lambda: provider.snapshot(wish, "b", {}, {}, fern.report),
        "restore": lambda: provider.restore(wish, "a", fern.report),
        "delete": lambda: provider.delete("fern", "a", fern.report),
    }
    (fern.home / "Vagrantfile").unlink()
    fern.double.calls.clear()
    with pytest.raises(BadInput, match="no Vagrantfile in .*, where fern was made: go to the"):
        does[verb]()
    assert fern.double.calls == []
