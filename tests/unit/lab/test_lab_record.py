"""The record of what was made, and telling processes apart."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from whisklab.errors import BadInput, WhisklabError
from whisklab.lab.common import process
from whisklab.lab.common.machine import Machine
from whisklab.lab.common.process import Process
from whisklab.lab.providers.nspawn import gate, journal, layout, record, spec
from whisklab.lab.providers.nspawn.record import HostRecord, Record

processes = st.none() | st.builds(Process, pid=st.integers(1, 1 << 22), start=st.integers(0))
hosts = st.builds(
    HostRecord,
    machine=st.builds(
        Machine,
        name=st.text(),
        groups=st.lists(st.text()).map(tuple),
        address=st.ip_addresses(v=4),
        ports=st.lists(st.integers(23, 65535), unique=True).map(lambda more: (22, *more)),
        kernel=st.sampled_from(["shared", "uml"]),
    ),
    image=st.text(),
    ports=st.dictionaries(st.integers(1, 65535), st.integers(1, 65535)),
    keeper=processes,
    forwarder=processes,
    cgroups=st.lists(st.text()),
    netns=st.none() | st.text(),
    disk_done=st.booleans(),
)
labs = st.builds(
    Record,
    lab=st.text(),
    owner=st.integers(0),
    boot_id=st.text(),
    network=st.text(),
    internet=st.booleans(),
    disks=st.text(),
    paused=st.booleans(),
    clone=st.text(),
    netns=st.none() | st.text(),
    slirp=processes,
    hosts=st.dictionaries(st.text(), hosts),
)


def host(**changes: str) -> dict[str, object]:
    """A host as the user's side describes it."""
    plain = {"name": "a", "address": "10.77.0.11", "host_key": "", "kernel": "shared"}
    return {**plain, "groups": [], "ports": [], **changes}


@given(labs)
def test_a_record_reads_back_as_it_was_written(lab: Record) -> None:
    assert record.parse(record.dump(lab)) == lab


@given(labs)
def test_a_reboot_leaves_disks_and_ports_only(lab: Record) -> None:
    before = {
        name: (host.image, dict(host.ports), host.disk_done) for name, host in lab.hosts.items()
    }
    lab.after_reboot(lab.boot_id + "another")
    assert lab.netns is None
    assert lab.slirp is None
    assert not lab.netns_done
    for name, host in lab.hosts.items():
        assert (host.image, host.ports, host.disk_done) == before[name]
        assert (host.keeper, host.forwarder, host.netns, host.cgroups) == (None, None, None, [])


@given(labs)
def test_the_same_boot_forgets_nothing(lab: Record) -> None:
    text = record.dump(lab)
    lab.after_reboot(lab.boot_id)
    assert record.dump(lab) == text


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"version": 1}', '{"version": 1, "hosts": 3}'])
def test_what_is_no_record_is_told(tmp_path: Path, text: str) -> None:
    file = tmp_path / "record.json"
    file.write_text(text)
    with pytest.raises(WhisklabError, match="record.json: not a lab's record"):
        record.read(file)


def test_a_record_of_before_there_were_snapshots_is_read() -> None:
    host: dict[str, object]
    host = {"image": "i", "address": "10.0.0.11", "ports": {"22": 4001, "80": 4002},
            "keeper": {"pid": 5, "start": 6}, "forwarder": None, "cgroups": [], "netns": "n",
            "disk_done": True, "kernel": "uml"}  # fmt: skip
    old = {"version": 1, "lab": "x", "owner": 7, "boot_id": "b", "network": "10.0.0.0/24",
           "internet": False, "netns": "n", "netns_done": True, "slirp": None,
           "hosts": {"a": host}}  # fmt: skip
    found = record.parse(json.dumps(old))
    assert found.disks == "/var/lib/whisklab/labs/x/hosts"
    made = found.hosts["a"]
    assert made.machine == Machine("a", (), IPv4Address("10.0.0.11"), (22, 80), "uml")
    assert (made.ports, made.keeper) == ({22: 4001, 80: 4002}, Process(5, 6))


def test_writing_leaves_the_old_record_until_the_new_one_is_whole(tmp_path: Path) -> None:
    file = tmp_path / "record.json"
    lab = Record("x", 0, "boot", "10.0.0.0/24", internet=False, disks="/disks")
    record.write(lab, file)
    file.with_suffix(".new").write_text("half a rec")  # as a crash leaves it
    assert record.read(file) == lab
    lab.hosts["a"] = HostRecord(Machine("a", (), IPv4Address("10.0.0.11")), "image")
    record.write(lab, file)
    assert record.read(file) == lab
    assert not file.with_suffix(".new").exists()


def lab_spec(name: str = "x", network: str = "10.77.0.0/24") -> spec.LabSpec:
    """A lab with one host, as root gets it."""
    host = {
        "name": "a",
        "address": network.replace("0/24", "11"),
        "ports": [80],
        "groups": ["masters"],
        "host_key": "k",
        "kernel": "shared",
    }
    data = {"name": name, "user": "lab", "authorized_key": "key", "network": network}
    return spec.parse({**data, "internet": False, "hosts": [host]})


def test_a_lab_belongs_to_who_made_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "LABS", tmp_path)
    journal.begin(lab_spec(), 1000)
    assert journal.read("x", 1000) is not None
    assert journal.read("x", journal.ROOT) is not None  # so that root can remove it
    with pytest.raises(BadInput, match=r"belongs to another user \(uid 1000\)"):
        journal.read("x", 1001)
    with pytest.raises(BadInput, match=r"belongs to another user \(uid 1000\)"):
        journal.begin(lab_spec(), journal.ROOT)


def test_a_lab_keeps_its_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "LABS", tmp_path)
    journal.begin(lab_spec(), 0)
    with pytest.raises(BadInput, match="exists with another network"):
        journal.begin(lab_spec(network="10.78.0.0/24"), 0)


@pytest.mark.parametrize(
    "change",
    [
        {"name": "../x"},
        {"user": "root"},
        {"network": "10.77.0.1/24"},
        {"hosts": [host(name="../a")]},
        {"hosts": [host(address="10.78.0.11")]},
        {"hosts": [host(kernel="another")]},
        {"hosts": [{"name": "a"}]},
        {"hosts": 3},
    ],
)
def test_root_checks_names_and_addresses_itself(change: dict[str, object]) -> None:
    good = {"name": "x", "user": "lab", "authorized_key": "", "network": "10.77.0.0/24"}
    with pytest.raises(BadInput):
        spec.parse({**good, "internet": False, "hosts": [], **change})


def test_ssh_is_always_forwarded_and_first() -> None:
    assert lab_spec().hosts[0].ports == (22, 80)


def test_a_number_given_out_again_is_another_process() -> None:
    me = process.identify(os.getpid())
    assert process.alive(me)
    stranger = Process(me.pid, me.start - 1)
    assert not process.alive(stranger)
    # Must not signal this very process:
    assert process.end(stranger, 1.0)


def test_ending_a_process_waits_until_it_is_gone() -> None:
    child = subprocess.Popen(["sleep", "1000"])
    known = process.identify(child.pid)
    assert process.end(known, 10.0)
    assert not process.alive(known)  # a zombie, which we have not waited for
    assert child.wait() == -signal.SIGKILL
    assert process.end(known, 1.0)


def test_a_child_that_ended_is_none() -> None:
    script = "sleep 1000 & echo on; read x; kill $!; wait; echo off; read y"
    with subprocess.Popen(
        ["sh", "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdin
        assert parent.stdout
        known = process.identify(parent.pid)
        assert parent.stdout.readline() == "on\n"
        assert process.has_child(known)
        print("end it", file=parent.stdin, flush=True)
        assert parent.stdout.readline() == "off\n"
        assert not process.has_child(known)
        print("end", file=parent.stdin, flush=True)
    assert not process.has_child(known)
    assert not process.has_child(None)


def test_the_gate_starts_only_what_was_written_down(tmp_path: Path) -> None:
    numbers: list[int] = []
    log = tmp_path / "log"
    gate.start(["sh", "-c", "echo $$"], log, numbers.append, env=dict(os.environ))
    os.waitpid(numbers[0], 0)
    assert log.read_text() == f"{numbers[0]}\n"


def test_the_gate_starts_nothing_when_its_starter_dies(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    argv = [sys.executable, "-I", "-S", gate.__file__, "touch", str(marker)]
    done = subprocess.run(argv, input=b"", check=False, timeout=30)
    assert done.returncode == 0
    assert not marker.exists()
