"""Settings of the machine: raised while labs are there, put back after the last one."""

from __future__ import annotations

from pathlib import Path

import pytest

from whisklab.lab.providers.nspawn import sysctl


@pytest.fixture
def setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file in place of the machine's setting."""
    file = tmp_path / "max_user_instances"
    file.write_text("128\n")
    monkeypatch.setattr(sysctl, "_INSTANCES", file)
    monkeypatch.setattr(sysctl, "SYSCTLS", tmp_path / "lib" / "sysctls.json")
    return file


def test_it_is_raised_with_the_hosts_and_put_back_to_the_first_value(setting: Path) -> None:
    sysctl.make_room(2)
    assert setting.read_text() == "256"
    sysctl.make_room(4)
    assert setting.read_text() == "384"
    sysctl.make_room(1)  # a lab of one more host elsewhere takes nothing away
    assert setting.read_text() == "384"
    sysctl.restore()
    assert setting.read_text() == "128"
    assert not (setting.parent / "lib/sysctls.json").exists()


def test_a_machine_with_room_is_left_alone(setting: Path) -> None:
    setting.write_text("8192\n")
    sysctl.make_room(4)
    sysctl.restore()
    assert setting.read_text() == "8192\n"


def test_what_someone_else_has_set_meanwhile_stays(setting: Path) -> None:
    sysctl.make_room(4)
    setting.write_text("1000")
    sysctl.restore()
    assert setting.read_text() == "1000"


def test_a_note_of_another_boot_counts_for_nothing(
    setting: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sysctl.make_room(4)
    monkeypatch.setattr(sysctl, "boot_id", lambda: "another")
    sysctl.restore()
    assert setting.read_text() == "384"
    setting.write_text("128")  # as a boot does
    sysctl.make_room(2)
    sysctl.restore()
    assert setting.read_text() == "128"
