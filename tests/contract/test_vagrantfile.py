"""That Vagrant itself takes the Vagrantfile with the description that a lab writes for it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from whisklab.lab import records, state
from whisklab.lab.common.guest.reach import public_of
from whisklab.lab.common.guest.record import Record
from whisklab.lab.providers.vagrant.description import describe, directory
from whisklab.lab.topology import parse

ROOT = Path(__file__).parents[2]
# What a user's own settings may ask for, everywhere.
HOSTILE = """
Vagrant.configure("2") do |config|
  config.vm.synced_folder "/", "/everything"
  config.vm.box = "somebody/else"
  config.vm.network "private_network", type: "dhcp"
end
"""


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with the Vagrantfile, and a lab `vagrant` that is described."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("VAGRANT_HOME", str(tmp_path / "vagrant.d"))
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(ROOT / "Vagrantfile", home)
    plan = parse((ROOT / "inventories/vagrant.yaml").read_text(), "vagrant.yaml")
    wish = records.wish_of("vagrant", plan, state.paths("vagrant"))
    record = Record("vagrant", "vagrant", wish.user, wish.key, home=home)
    for each in wish.machines:
        record.begun(each.name, each.groups, public_of(wish.host_keys[each.name]))
    describe(wish, record, directory(home, "vagrant"))
    return home


def vagrant(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the real one, in that directory alone."""
    env = {**os.environ, "VAGRANT_CHECKPOINT_DISABLE": "1", "VAGRANT_NO_COLOR": "1"}
    return subprocess.run(
        ["vagrant", *arguments], cwd=home, env=env, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, check=False, timeout=300,
    )  # fmt: skip


def test_it_validates_whatever_a_user_has_set_for_all(home: Path, tmp_path: Path) -> None:
    (tmp_path / "vagrant.d").mkdir()
    (tmp_path / "vagrant.d/Vagrantfile").write_text(HOSTILE)
    done = vagrant(home, "validate", "--ignore-provider")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Vagrantfile validated successfully." in done.stdout
    for name in ("master", "worker1", "worker2", "storage"):
        assert f"==> {name}: " in done.stdout


def test_without_a_description_it_says_who_writes_it(home: Path) -> None:
    shutil.rmtree(home / ".vagrant")
    done = vagrant(home, "validate", "--ignore-provider")
    assert done.returncode != 0
    assert "`.venv/bin/whisklab up vagrant` writes it" in done.stdout + done.stderr


def test_a_box_can_be_added_before_there_is_a_lab(home: Path) -> None:
    """As the documentation has it typed, in the repository."""
    shutil.rmtree(home / ".vagrant")
    done = vagrant(home, "box", "list")
    assert done.returncode == 0, done.stdout + done.stderr
    assert vagrant(home, "status").returncode != 0
