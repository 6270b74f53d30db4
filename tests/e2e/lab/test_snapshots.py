"""Snapshots, restores and clones of a lab with nothing deployed: what they keep, and what not."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.lab.rig import LABS, Lab
from tests.e2e.turns import first_up

pytestmark = pytest.mark.e2e

REPOSITORY = Path(__file__).parents[3]
SNAPSHOTS, STORE = Path("/var/lib/whisklab/snapshots"), Path("/var/lib/whisklab/store")
SMALL = 20_000_000  # bytes that a copy may write where what is equal is shared
TOPOLOGY = """\
catalogue: upstream
internet: false
hosts:
  a: {forward: [6443]}
  s: {groups: [storage]}
"""


class Kept(Lab):
    """A lab whose snapshots are removed with it."""

    def end(self) -> None:
        """Take it down, and whatever was kept of it."""
        super().end()
        for each in self.listed():
            self.run("snapshot", each, "--delete")

    def listed(self) -> list[str]:
        """The names of its snapshots."""
        return [each["name"] for each in json.loads(self.run("snapshots", "--json").out)]

    def cloned(self, name: str) -> Kept:
        """The lab of another name in the same directories."""
        other = Kept(name, self.directory)
        other.topology.write_text(self.topology.read_text())
        return other

    def dying(self, point: str, *arguments: str) -> None:
        """Run a verb that is killed at a point of what root does."""
        done = subprocess.run(
            [sys.executable, "-m", "tests.e2e.lab.dying", point, *arguments],
            env={**self.environment, "PYTHONPATH": str(REPOSITORY)}, cwd=self.directory,
            capture_output=True, text=True, check=False, start_new_session=True,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
        assert done.returncode == -9, (point, done.stdout, done.stderr)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory to be in: clones write inventories below it."""
    directory, before = tmp_path_factory.mktemp("snapshots"), Path.cwd()
    os.chdir(directory)
    yield directory
    os.chdir(before)


@pytest.fixture(scope="module")
def lab(home: Path) -> Iterator[Kept]:
    """A host `a` and a storage host `s`, with a snapshot `first` of them, running."""
    made = Kept(f"s{os.getpid()}", home)
    made.topology.write_text(TOPOLOGY)
    with first_up():
        made.run("up")
    for host in ("a", "s"):
        made.does(host, "echo first | sudo tee /etc/which /home/lab/which")
    before = made.processes()
    taken = made.run("snapshot", "first")
    assert f"{made.name}@first" in taken.out
    assert set(made.processes()) == set(before)  # it runs again
    yield made
    namespaces = made.namespaces()
    made.end()
    assert made.left(namespaces) == []
    assert not (SNAPSHOTS / made.name).exists()


def write(lab: Kept, text: str) -> None:
    """Have another content on all hosts."""
    for host in ("a", "s"):
        lab.does(host, f"echo {text} | sudo tee /etc/which && sync")


def which(lab: Kept) -> set[str]:
    """What is on the hosts."""
    return {lab.does(host, "cat /etc/which") for host in ("a", "s")}


def written(lab: Kept, name: str) -> int:
    """Bytes of a snapshot's disks that it shares with nobody; other labs write all the time."""
    disks = json.loads((SNAPSHOTS / lab.name / f"{name}.json").read_text())["disks"]
    shown = subprocess.run(
        ["btrfs", "filesystem", "du", "--summarize", "--raw", disks],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    _total, exclusive, *_ = shown.splitlines()[-1].split()
    return int(exclusive)


def test_a_restore_brings_back_what_was_and_loses_what_came_later(lab: Kept) -> None:
    before = lab.hosts()
    write(lab, "second")
    done = lab.run("restore")
    assert f"{lab.name} is up" in done.out
    assert which(lab) == {"first"}
    assert lab.hosts() == before  # also the ports
    assert lab.listed() == ["first"]


def test_a_snapshot_of_a_stopped_lab_does_not_start_it(lab: Kept) -> None:
    lab.run("stop")
    lab.run("snapshot", "stopped")
    assert not lab.processes()
    lab.run("snapshot", "stopped", "--delete")
    lab.run("start")


def test_it_outlives_the_lab_with_its_keys(lab: Kept) -> None:
    keys = (lab.state / "id_ed25519").read_text()
    lab.run("down")
    assert not (LABS / lab.name).exists()
    assert lab.listed() == ["first"]
    lab.run("restore", "first")
    assert which(lab) == {"first"}
    assert (lab.state / "id_ed25519").read_text() == keys


def test_copies_share_what_is_equal(lab: Kept) -> None:
    lab.run("stop")
    lab.run("snapshot", "small")
    alone = written(lab, "small")
    lab.run("start")
    lab.run("snapshot", "small", "--delete")
    assert alone < SMALL


def test_a_clone_is_the_same_inside_and_its_own_outside(lab: Kept) -> None:
    write(lab, "original")
    other = lab.cloned(f"{lab.name}c")
    before = lab.hosts()
    lab.run_at(f"{lab.name}@first", "clone", other.name)
    try:
        assert which(other) == {"first"}
        assert which(lab) == {"original"}
        assert lab.hosts() == before
        ours, theirs = lab.hosts(), other.hosts()
        for host in ("a", "s"):
            assert other.does(host, "hostname") == host
            assert ours[host]["address"] == theirs[host]["address"]
            assert ours[host]["ssh_port"] != theirs[host]["ssh_port"]
            ids = [each.does(host, "cat /etc/machine-id") for each in (lab, other)]
            assert ids[0] == ids[1]  # a node is known by it
        other.does("a", "ping -c 1 -W 5 s >/dev/null")
        write(other, "clone")
        assert which(lab) == {"original"}
        assert not lab.namespaces() & other.namespaces()
    finally:
        other.end()
    assert which(lab) == {"original"}


def test_a_clone_of_what_is_now(lab: Kept) -> None:
    write(lab, "now")
    other = lab.cloned(f"{lab.name}n")
    running = set(lab.processes())
    lab.run("clone", other.name)
    try:
        assert which(other) == {"now"}
        assert set(lab.processes()) == running
        assert which(lab) == {"now"}
        refused = lab.run("clone", other.name, code=2)
        assert f"there is a lab '{other.name}' already" in refused.err
    finally:
        other.end()


def test_what_is_refused(lab: Kept) -> None:
    before = lab.processes()
    for arguments, sentence in (
        (("restore", "none"), "has no snapshot 'none'; there is first"),
        (("snapshot", "first"), "has a snapshot 'first' already: take another name"),
        (("snapshot", "a/b"), "cannot name a snapshot"),
        (("snapshot", "none", "--delete"), "has no snapshot 'none'"),
        (("clone", lab.name), "needs another name"),
    ):
        assert sentence in lab.run(*arguments, code=2).err
    assert lab.processes() == before


def test_while_a_deploy_goes_on_nothing_is_stopped(lab: Kept) -> None:
    before = lab.processes()
    hold = "exec 9>>/run/whisklab/run.lock; flock 9; echo me > /run/whisklab/run.holder; sleep 600"
    lab.does("s", f"sudo systemd-run --quiet --unit=deploy sh -c 'mkdir -p /run/whisklab; {hold}'")
    lab.does("s", "until sudo test -s /run/whisklab/run.holder; do sleep 0.1; done")
    try:
        for arguments in (("snapshot", "busy"), ("restore", "first"), ("clone", "busy")):
            assert "a run is changing s: me" in lab.run(*arguments, code=1).err
    finally:
        lab.does("s", "sudo systemctl stop deploy; sudo rm /run/whisklab/run.holder")
    assert lab.processes() == before
    assert lab.listed() == ["first"]


def test_a_snapshot_of_which_a_part_is_gone_is_refused(lab: Kept) -> None:
    before = lab.processes()
    file = SNAPSHOTS / lab.name / "first.json"
    text = file.read_text()
    data = json.loads(text)
    (SNAPSHOTS / lab.name / "broken.json").write_text(
        json.dumps({**data, "name": "broken", "disks": f"{data['disks']}x"})
    )
    hosts = {name: {**host, "image": "0" * 16} for name, host in data["hosts"].items()}
    (SNAPSHOTS / lab.name / "imageless.json").write_text(
        json.dumps({**data, "name": "imageless", "hosts": hosts})
    )
    assert "lacks the disk of a, it cannot be restored" in lab.run("restore", "broken", code=1).err
    assert (
        "over the image 0000000000000000, which is gone"
        in lab.run("restore", "imageless", code=1).err
    )
    for name in ("broken", "imageless"):
        (SNAPSHOTS / lab.name / f"{name}.json").unlink()
    assert lab.processes() == before


def test_a_machine_that_came_later_is_named_and_gone(lab: Kept) -> None:
    lab.topology.write_text(TOPOLOGY + "  b: {}\n")
    lab.run("up")
    assert lab.does("b", "hostname") == "b"
    done = lab.run("restore", "first")
    assert "not in the snapshot, and gone: b" in done.out
    assert set(lab.hosts()) == set(lab.processes()) == {"a", "s"}
    lab.topology.write_text(TOPOLOGY)


Repeat = Callable[[Kept, Kept], None]


@pytest.mark.parametrize("point", ["after:stop", "after:copy", "after:describe"])
def test_a_killed_snapshot_leaves_the_lab_and_the_next_one_ends_well(lab: Kept, point: str) -> None:
    write(lab, "mine")
    lab.dying(point, "snapshot", lab.name, "killed")
    there = lab.listed()
    assert there == (["first", "killed"] if point == "after:describe" else ["first"])
    lab.run("snapshot", "next")
    assert which(lab) == {"mine"}  # and so it runs again
    for name in set(lab.listed()) - {"first"}:
        lab.run("snapshot", name, "--delete")
    assert len(list((STORE / "snapshots" / lab.name).iterdir())) == 1
    assert len(list((STORE / "disks" / lab.name).iterdir())) == 1


@pytest.mark.parametrize("point", ["after:copy", "after:halt", "after:switch"])
def test_a_killed_restore_is_done_by_the_next_one(lab: Kept, point: str) -> None:
    write(lab, "before")
    lab.dying(point, "restore", lab.name, "first")
    if point != "after:switch":  # what was is still there
        lab.run("up")
        assert which(lab) == {"before"}
    lab.run("restore", "first")
    assert which(lab) == {"first"}
    assert len(list((STORE / "disks" / lab.name).iterdir())) == 1


@pytest.mark.parametrize("point", ["after:begin", "after:copy", "before:up"])
def test_a_killed_clone_is_continued_by_the_next_one(lab: Kept, point: str) -> None:
    other = lab.cloned(f"{lab.name}k")
    lab.dying(point, "clone", f"{lab.name}@first", other.name)
    lab.run_at(f"{lab.name}@first", "clone", other.name)
    try:
        assert which(other) == {"first"}
        assert len(list((STORE / "disks" / other.name).iterdir())) == 1
    finally:
        namespaces = other.namespaces()
        other.end()
    assert other.left(namespaces) == []


def test_a_killed_clone_of_a_running_lab_leaves_that_as_it_was(lab: Kept) -> None:
    other = lab.cloned(f"{lab.name}r")
    write(lab, "running")
    lab.dying("before:up", "clone", lab.name, other.name)
    assert not lab.processes()  # it was stopped for the copy
    lab.run("clone", other.name)
    try:
        assert which(lab) == which(other) == {"running"}
    finally:
        other.end()


def test_a_lab_of_before_there_were_snapshots(home: Path) -> None:
    """Its disks lie beside its record, which is of another form."""
    old = Kept(f"o{os.getpid()}", home)
    old.write("a")
    old.run("up")
    old.does("a", "echo old | sudo tee /etc/which")
    old.run("stop")
    file = LABS / old.name / "record.json"
    record = json.loads(file.read_text())
    before = record.pop("disks")
    subprocess.run(["cp", "--archive", before, LABS / old.name / "hosts"], check=True)
    for key in ("paused", "clone"):
        record.pop(key)
    host = record["hosts"]["a"]
    machine = host.pop("machine")
    host |= {"address": machine["address"], "kernel": machine["kernel"]}
    file.write_text(json.dumps({**record, "version": 1}))
    shutil.rmtree(STORE / "disks" / old.name)
    old.run("start")
    assert old.does("a", "cat /etc/which") == "old"
    said = old.run("snapshot", "kept")
    assert "moving the disks" in said.err
    assert old.does("a", "cat /etc/which") == "old"
    assert not (LABS / old.name / "hosts").exists()
    old.run("restore", "kept")
    assert old.does("a", "cat /etc/which") == "old"
    namespaces = old.namespaces()
    old.end()
    assert old.left(namespaces) == []
