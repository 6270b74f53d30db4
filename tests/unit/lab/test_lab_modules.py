"""Kernel modules are loaded for the labs, remembered first, and unloaded by the last one."""

from __future__ import annotations

from pathlib import Path

import pytest

from whisklab.lab.providers.nspawn import modules


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine where br_netfilter is missing, and a modprobe that notes how it was called."""
    (tmp_path / "filesystems").write_text("nodev\toverlay\nnodev\tnfs\nnodev\tnfsd\n\text4\n")
    (tmp_path / "modprobe").write_text(f'#!/bin/sh\necho "$*" >> {tmp_path}/log\n')
    (tmp_path / "modprobe").chmod(0o755)
    (tmp_path / "log").touch()
    monkeypatch.setattr(modules, "_FILESYSTEMS", tmp_path / "filesystems")
    monkeypatch.setattr(modules, "_BRIDGE", tmp_path / "bridge")
    monkeypatch.setattr(modules, "MODULES", tmp_path / "modules.json")
    monkeypatch.setattr(modules, "environment", lambda: {"PATH": f"{tmp_path}:/usr/bin:/bin"})
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "log"


def test_loaded_once_and_unloaded(log: Path) -> None:
    told: list[str] = []
    modules.load(told.append)
    assert told == ["loaded the kernel module br_netfilter"]
    (log.parent / "bridge").mkdir()
    modules.load(told.append)
    modules.unload()
    modules.unload()
    assert log.read_text().splitlines() == ["-q br_netfilter", "-q -r br_netfilter"]
    assert not (log.parent / "modules.json").exists()


def test_after_a_reboot_nothing_is_ours(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    modules.load(lambda _: None)
    monkeypatch.setattr(modules, "boot_id", lambda: "another")
    modules.unload()
    assert log.read_text().splitlines() == ["-q br_netfilter"]


def test_a_machine_that_has_all_is_left_alone(log: Path) -> None:
    (log.parent / "bridge").mkdir()
    modules.load(lambda _: None)
    modules.unload()
    assert log.read_text() == ""


def test_a_file_system_is_there_or_in_a_module(log: Path) -> None:
    assert modules.has_filesystem("nfsd")
    assert log.read_text() == ""
    assert modules.has_filesystem("btrfs")
    assert log.read_text() == "-q --dry-run btrfs\n"
    (log.parent / "modprobe").write_text("#!/bin/sh\nexit 1\n")
    assert not modules.has_filesystem("btrfs")
    (log.parent / "modprobe").unlink()
    assert not modules.has_filesystem("not-there")
