"""Which name servers pods are given where a closed network has none."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from deploys.k3s import render, resolving
from deploys.k3s.resolving import NameServers
from deploys.k3s.settings import K3sSettings
from whisklab.engine import runs
from whisklab.engine.data.machine import Machine
from whisklab.engine.runs import Run

NONE: list[list[str]] = [
    [], [""], ["127.0.0.53"], ["::1"], ["::"], ["fe80::1"], ["169.254.0.1"], ["224.0.0.1"],
    ["name.example"], ["10.0.0.53", "127.0.0.1"], ["10.0.0.53", ""],
]  # fmt: skip
SOME = [["10.0.0.53"], ["fd00::53"], ["10.0.0.53", "10.0.0.54"], ["192.0.2.1", "2001:db8::1"]]


@pytest.mark.parametrize("servers", NONE)
def test_what_k3s_does_not_take(servers: list[str]) -> None:
    assert not resolving.are_usable(servers)


@pytest.mark.parametrize("servers", SOME)
def test_what_k3s_takes(servers: list[str]) -> None:
    assert resolving.are_usable(servers)


def asked(tmp_path: Path, *texts: str | None) -> list[list[str]]:
    """What the command says of files with these texts, None for no file."""
    paths = [tmp_path / f"it's {number}" for number in range(len(texts))]
    for path, text in zip(paths, texts, strict=True):
        if text is not None:
            path.write_text(text)
    command = str(NameServers().command(files=[str(each) for each in paths]))
    done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
    return NameServers().process(done.stdout.splitlines())


def test_the_files_of_a_machine_are_read_as_k3s_reads_them(tmp_path: Path) -> None:
    stub = "# nameserver 10.9.9.9\n; nameserver 10.9.9.8\nnameserver 127.0.0.53\noptions edns0\n"
    assert asked(tmp_path, stub, None) == [["127.0.0.53"], []]
    two = (
        "search lab\nnameserver\t10.0.0.1\nnameserver 10.0.0.2 # the other\n nameserver 10.0.0.3\n"
    )
    assert asked(tmp_path, two, "nameserver ::1") == [["10.0.0.1", "10.0.0.2"], ["::1"]]
    assert asked(tmp_path, "", "") == [[], []]


def wanted(monkeypatch: pytest.MonkeyPatch, files: list[list[str]], **data: Any) -> str | None:
    questions: list[str] = []

    def get_fact(fact: object, **_: Any) -> list[list[str]]:
        questions.append("asked")
        return files

    server, run = data.pop("server", False), Run()
    machine: Any = SimpleNamespace(name="w1", get_fact=get_fact)
    settings = K3sSettings(**data.pop("settings", {}))
    said = SimpleNamespace(offline=data.pop("offline", True), node_address="10.0.0.2")
    monkeypatch.setattr(K3sSettings, "of", lambda _: settings)
    monkeypatch.setattr(Machine, "of", lambda _: said)
    monkeypatch.setattr(runs, "on", lambda _: run)
    found = resolving.resolv_conf(machine, server=server)
    assert resolving.resolv_conf(machine, server=server) == found
    assert len(questions) <= 1  # once in a run
    return found


OWN = f"{render.HEADER}\nnameserver 10.0.0.2"
KEY = {"resolv-conf": "/etc/mine"}


@pytest.mark.parametrize("servers", NONE)
def test_a_node_without_one_gets_itself(
    monkeypatch: pytest.MonkeyPatch, servers: list[str]
) -> None:
    assert wanted(monkeypatch, [servers, []]) == OWN
    assert wanted(monkeypatch, [[], servers], server=True) == OWN


@pytest.mark.parametrize("servers", SOME)
def test_one_in_either_file_is_kept(monkeypatch: pytest.MonkeyPatch, servers: list[str]) -> None:
    assert wanted(monkeypatch, [servers, []]) is None
    assert wanted(monkeypatch, [["127.0.0.53"], servers]) is None


def test_with_a_network_or_a_file_of_the_data_it_is_theirs(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wanted(monkeypatch, [[], []], offline=False) is None
    assert wanted(monkeypatch, [[], []], settings={"agent_config": KEY}) is None
    mine = {"server_config": KEY}
    assert wanted(monkeypatch, [[], []], settings=mine, server=True) is None
    assert wanted(monkeypatch, [[], []], settings=mine) == OWN  # it is for servers


def test_the_configuration_names_the_file() -> None:
    node = render.Node("w1", "10.0.0.2", "https://10.0.0.1:6443", is_server=False)
    assert "resolv-conf" not in yaml.safe_load(render.config(node, K3sSettings()))
    closed = render.Node(**{**vars(node), "resolv_conf": OWN})
    found = yaml.safe_load(render.config(closed, K3sSettings()))
    assert found["resolv-conf"] == render.NAME_SERVERS
