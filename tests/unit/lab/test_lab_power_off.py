"""The order in which the hosts of a lab are powered off."""

from __future__ import annotations

import signal
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from whisklab.lab.common.machine import Machine
from whisklab.lab.common.process import Process
from whisklab.lab.providers.nspawn import hosts
from whisklab.lab.providers.nspawn.journal import Journal
from whisklab.lab.providers.nspawn.record import HostRecord, Record

GROUPS = {"s": ("storage", "registry"), "m": ("masters",), "w": ("workers",)}


def _journal(tmp_path: Path) -> Journal:
    record = Record("a", 0, "boot", "10.0.0.0/24", internet=False, disks=str(tmp_path))
    for pid, (name, groups) in enumerate(GROUPS.items(), 1):
        machine = Machine(name, groups, IPv4Address(f"10.0.0.{pid}"))
        record.hosts[name] = HostRecord(machine, "image", keeper=Process(pid, 1))
    return Journal(record)


def test_storage_is_powered_off_when_all_others_are_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    names = dict(enumerate(GROUPS, 1))

    def signal_and_wait(process: Process, number: signal.Signals | None, _seconds: float) -> bool:
        events.append(f"{'ask' if number else 'await'} {names[process.pid]}")
        return names[process.pid] != "w"

    monkeypatch.setattr(hosts, "alive", lambda _process: True)
    monkeypatch.setattr(hosts, "signal_and_wait", signal_and_wait)
    monkeypatch.setattr(hosts, "release", lambda _journal, name: events.append(f"release {name}"))
    assert hosts.power_off(_journal(tmp_path), list(GROUPS)) == ["w"]
    assert events == [
        "ask m", "ask w", "await m", "await w", "release m", "release w",
        "ask s", "await s", "release s",
    ]  # fmt: skip
