"""The verbs of `whisklab` on a lab of Multipass's instances: what is written down, and asked."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from tests.unit.lab.multipass.rig import Lab
from whisklab.cli.main import run
from whisklab.errors import BadInput
from whisklab.lab import inventory, manage, provider, records, snapshots, state

TOPOLOGY = (
    "provider: multipass\ncatalogue: upstream\nhosts:\n  master: {groups: [masters]}\n"
    "  worker1: {groups: [workers]}\n  storage: {groups: [storage, registry]}\n"
)


@pytest.fixture
def fresh(fern: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A directory with the topology of `fern`, which is not up."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        provider, "get", lambda name, stock=provider.get: fern.provider if name == "multipass"
        else stock(name),
    )  # fmt: skip
    (tmp_path / "inventories").mkdir()
    (tmp_path / "inventories/fern.yaml").write_text(TOPOLOGY)
    return fern


def test_up_writes_an_inventory_that_leads_to_the_machines(
    fresh: Lab, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["up", "fern"]) == 0
    told = capsys.readouterr().out
    assert "whisklab ssh fern master" in told
    there = {name: each["ipv4"][0] for name, each in fresh.program.read()["instances"].items()}
    groups = inventory.groups("fern")
    assert [name for name, _ in groups["workers"]] == ["worker1"]
    ((name, data),) = groups["masters"]
    assert (name, data["ssh_hostname"], data["node_address"], data["ssh_port"]) == (
        "master", there["fern-master"], there["fern-master"], 22,
    )  # fmt: skip
    assert "api_address" not in data
    known = state.paths("fern").known_hosts.read_text().splitlines()
    assert [line.split()[0] for line in known] == [
        there[f"fern-{name}"] for name in ("master", "worker1", "storage")
    ]
    assert run(["up", "fern"]) == 0
    assert "fern: nothing to do, all machines are up" in capsys.readouterr().out


def test_addresses_that_have_moved_are_written_down_by_the_next_up(fresh: Lab) -> None:
    assert run(["up", "fern"]) == 0
    fresh.program.change(
        lambda data: [
            each.update(ipv4=[f"10.9.9.{number}"])
            for number, each in enumerate(data["instances"].values())
        ]
    )
    assert run(["up", "fern"]) == 0
    moved = {host.name: host.ssh_address for host in state.load("fern").hosts}  # type: ignore[union-attr]
    there = fresh.program.read()["instances"]
    assert moved == {
        name: there[f"fern-{name}"]["ipv4"][0] for name in ("master", "worker1", "storage")
    }
    assert inventory.groups("fern")["masters"][0][1]["node_address"] == moved["master"]


def test_a_stopped_lab_has_no_inventory_and_is_started_again(fresh: Lab) -> None:
    assert run(["up", "fern"]) == 0
    assert run(["stop", "fern"]) == 0
    with pytest.raises(BadInput, match="lab 'fern' is not up"):
        inventory.groups("fern")
    assert run(["start", "fern"]) == 0
    assert len(inventory.groups("fern")["workers"]) == 1


@pytest.mark.parametrize("state", ["Suspended", "Unknown", "Deleted", "Stopped", "Unavailable"])
def test_status_tells_states(fresh: Lab, capsys: pytest.CaptureFixture[str], state: str) -> None:
    assert run(["up", "fern"]) == 0
    fresh.program.state("fern-worker1", state)
    capsys.readouterr()
    assert run(["status", "fern", "--json"]) in (0, 1)
    hosts = {each["name"]: each for each in json.loads(capsys.readouterr().out)["hosts"]}
    assert hosts["worker1"]["state"] == state.lower()


@pytest.mark.parametrize(("answer", "gone"), [("n\n", False), ("y\n", True), (None, True)])
def test_down_asks_first(
    fresh: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    answer: str | None, gone: bool,
) -> None:  # fmt: skip
    """Without an answer it is by --yes."""
    assert run(["up", "fern"]) == 0
    monkeypatch.setattr("sys.stdin", io.StringIO(answer or ""))
    assert run(["down", "fern", *(() if answer else ("--yes",))]) == (0 if gone else 130)
    assert ("remove master, worker1, storage with their" in capsys.readouterr().err) == bool(answer)
    assert fresh.program.states() == (
        {} if gone else dict.fromkeys(("fern-master", "fern-worker1", "fern-storage"), "Running")
    )
    assert state.paths("fern").top.exists() != gone


def test_down_removes_what_an_up_that_failed_has_left(fresh: Lab) -> None:
    fresh.program.fault("launch fern-worker1", "launch failed: no room", times=9)
    assert run(["up", "fern"]) == 1
    assert "fern-master" in fresh.program.states()
    assert run(["down", "fern", "--yes"]) == 0
    assert fresh.program.states() == {}


def test_a_topology_of_another_provider_forgets_no_machine(
    fresh: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["up", "fern"]) == 0
    for other in ("nspawn", "vagrant"):
        text = TOPOLOGY.replace("provider: multipass", f"provider: {other}")
        (tmp_path / "inventories/fern.yaml").write_text(text)
        assert run(["up", "fern"]) == 2
        assert f"those of the provider multipass, and the topology says {other}" in (
            capsys.readouterr().err
        )
    assert len(fresh.program.states()) == 3


def test_down_goes_to_who_has_begun_a_lab_without_any_machine(fresh: Lab) -> None:
    fresh.program.fault("launch", "launch failed: no room", times=9)
    assert run(["up", "fern"]) == 1
    assert fresh.program.states() == {}
    assert run(["down", "fern", "--yes"]) == 0
    fresh.program.change(lambda data: data.update(faults=[]))
    assert run(["up", "fern"]) == 0


@pytest.mark.parametrize("arguments", [["rebuild", "fern", "worker1"], ["up", "fern", "--prune"]])
@pytest.mark.parametrize(("answer", "code"), [("n\n", 130), ("y\n", 0), (None, 0)])
def test_what_makes_snapshots_useless_asks_first(
    fresh: Lab, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    arguments: list[str], answer: str | None, code: int,
) -> None:  # fmt: skip
    """Without an answer it is by --yes."""
    assert run(["up", "fern"]) == 0
    wish = records.wish_of("fern", records.remembered("fern"), state.paths("fern"))
    fresh.provider.snapshot(wish, "ready", {}, {}, fresh.report)
    capsys.readouterr()
    monkeypatch.setattr("sys.stdin", io.StringIO(answer or ""))
    assert run([*arguments, *(() if answer else ("--yes",))]) == code
    assert ("restored to none of these any more: ready" in capsys.readouterr().err) == bool(answer)


def test_what_is_too_much_for_this_computer_is_refused_before_anything_is_made(
    fresh: Lab, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    big = TOPOLOGY.replace("[workers]", "[workers], memory: 60G")
    (tmp_path / "inventories/fern.yaml").write_text(big)
    assert run(["up", "fern"]) == 2
    assert "this computer has 65536 MB: give them less" in capsys.readouterr().err
    assert fresh.program.changed() == []


def test_where_artifacts_come_from_is_said_before_any_machine_is_made(fresh: Lab) -> None:
    """Machines and stand-ins take minutes."""
    told: list[str] = []
    topology = Path("inventories/fern.yaml")
    manage.up("fern", topology, told.append)
    assert told[0].startswith("artifacts: upstream (")
    assert len(told) > 1
    told.clear()
    manage.up("fern", topology, told.append)
    assert not [each for each in told if each.startswith("artifacts: ")]


def test_a_machine_that_a_rebuild_has_lost_stays_in_the_inventory(fresh: Lab) -> None:
    """Else a run would take it for one that was given up."""
    assert run(["up", "fern"]) == 0
    before = state.load("fern")
    assert before
    fresh.program.fault("launch fern-worker1", "launch failed: no room", times=9)
    assert run(["rebuild", "fern", "worker1", "--yes"]) == 1
    snapshots.take("fern", "b", {}, print)
    after = state.load("fern")
    assert after
    assert [each.name for each in after.hosts] == [each.name for each in before.hosts]
    assert [name for name, _ in inventory.groups("fern")["workers"]] == ["worker1"]
    assert len(state.paths("fern").known_hosts.read_text().splitlines()) == len(before.hosts)
