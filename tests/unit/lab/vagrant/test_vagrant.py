"""Machines that Vagrant makes: what each verb asks for, how they are known, what fails."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.unit.lab.guests import GROUPS
from tests.unit.lab.vagrant.rig import BOX, FIRST_PORT, UP, Lab, up
from whisklab.errors import BadInput, WhisklabError
from whisklab.lab.common.guest import record as records
from whisklab.lab.providers.vagrant.fleet import card_of
from whisklab.lab.topology import parse


def test_a_lab_is_made_and_found_by_its_forwarded_ports(fern: Lab) -> None:
    done = fern.provider.up(fern.wish(), fern.report)
    assert fern.double.changed() == UP
    assert done.started == ("storage", "master", "worker1")
    ports = {name: made.port for name, made in fern.double.made.items()}
    assert {name: (how.address, how.port) for name, how in done.machines.items()} == {
        name: ("127.0.0.1", port) for name, port in ports.items()
    }
    assert {name: (str(how.inside), how.interface) for name, how in done.machines.items()} == {
        "master": ("192.168.56.11", "enp0s8"),
        "worker1": ("192.168.56.12", "enp0s8"),
        "storage": ("192.168.56.13", "enp0s8"),
    }
    assert up(fern) == []
    assert fern.provider.up(fern.wish(), fern.report).started == ()


def test_the_description_has_sizes_and_no_key(fern: Lab) -> None:
    up(fern)
    text = (fern.home / ".vagrant/labs/fern/whisklab.json").read_text()
    data = json.loads(text)
    assert (data["box"], data["box_version"], data["prefix"]) == (BOX, None, "fern-")
    assert {each["name"]: (each["cpus"], each["memory_mb"], each["disk_gb"], each["instance"])
            for each in data["machines"]} == {
        "master": (2, 6144, 50, "fern-master"),
        "worker1": (2, 6144, 20, "fern-worker1"),
        "storage": (2, 4096, 50, "fern-storage"),
    }  # fmt: skip
    assert "PRIVATE" not in text
    for path in (fern.home / ".vagrant").rglob("*"):
        if path.is_file():
            assert path.stat().st_mode & 0o077 == 0, path
    assert Path(data["script"]).is_file()
    env = fern.double.environment
    assert env["VAGRANT_CWD"] == str(fern.home)
    assert env["VAGRANT_DOTFILE_PATH"] == str(fern.home / ".vagrant/labs/fern")


def test_a_wrong_default_of_vagrant_has_no_effect(
    fern: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAGRANT_DEFAULT_PROVIDER", "libvirt")
    assert up(fern) == UP
    fern.provider.stop("fern", fern.report)
    fern.double.changed()
    with pytest.raises(WhisklabError, match="the machines of fern are those of virtualbox"):
        fern.provider.up(fern.wish(hypervisor="libvirt"), fern.report)


def test_no_call_has_what_is_secret_and_none_goes_to_all_machines(fern: Lab) -> None:
    up(fern)
    fern.provider.rebuild(fern.wish(), (), fern.report)
    fern.provider.down("fern", fern.report)
    for call in fern.double.calls:
        assert not any("PRIVATE" in word or "/" in word.replace(BOX, "") for word in call)
        if call[0] in {"up", "halt", "destroy", "provision"}:
            assert any(name in call for name in GROUPS)


def test_stop_goes_by_dependence_and_is_done_once(fern: Lab) -> None:
    up(fern)
    assert fern.provider.stop("fern", fern.report).machines == ("master", "worker1", "storage")
    assert fern.double.changed() == ["halt master", "halt worker1", "halt storage"]
    assert fern.provider.stop("fern", fern.report).machines == ()
    assert fern.provider.machines("fern") == dict.fromkeys(GROUPS, "stopped")
    assert up(fern) == UP


def test_down_removes_all_of_the_record_and_only_that(fern: Lab) -> None:
    up(fern)
    (fern.home / ".vagrant/machines").mkdir()
    assert fern.provider.down("fern", fern.report) == tuple(GROUPS)
    assert fern.double.changed() == [f"destroy --force {name}" for name in GROUPS]
    assert not records.file_of("vagrant", "fern").exists()
    assert not (fern.home / ".vagrant/labs/fern/whisklab.json").exists()
    assert (fern.home / ".vagrant/machines").exists()
    assert fern.provider.down("fern", fern.report) == ()
    assert fern.provider.machines("fern") == {}


def test_one_that_cannot_be_removed_ends_nobody_elses_removal(fern: Lab) -> None:
    up(fern)
    fern.double.faults = [("destroy master", "it is stuck"), ("destroy worker1", "no disk")]
    with pytest.raises(
        WhisklabError,
        match="destroy master: Vagrant says: it is stuck; .*destroy worker1: .* no disk",
    ):
        fern.provider.down("fern", fern.report)
    assert list(fern.double.made) == ["master", "worker1"]
    fern.double.faults = []
    assert fern.provider.down("fern", fern.report) == ("master", "worker1")


def test_rebuild_keeps_name_address_and_key(fern: Lab) -> None:
    up(fern)
    before = dict(fern.double.made["worker1"].brought)
    done = fern.provider.rebuild(fern.wish(), ("worker1",), fern.report)
    assert fern.double.changed() == ["destroy --force worker1", UP[2]]
    assert fern.double.made["worker1"].brought == before
    assert str(done.machines["worker1"].inside) == "192.168.56.12"
    with pytest.raises(BadInput, match="has no machine 'nobody'"):
        fern.provider.rebuild(fern.wish(), ("nobody",), fern.report)


def test_a_machine_that_is_not_wished_is_left_or_pruned(fern: Lab) -> None:
    up(fern)
    less = fern.wish({name: of for name, of in GROUPS.items() if name != "storage"})
    assert fern.provider.up(less, fern.report).left == ("storage",)
    assert fern.double.made["storage"].state == "running"
    assert fern.provider.up(less, fern.report, prune=True).removed == ("storage",)
    assert "storage" not in fern.double.made


def test_a_lab_without_machines_asks_nothing_of_vagrant(fern: Lab) -> None:
    """It has no description yet, without which Vagrant answers nothing."""
    assert up(fern, prune=True) == UP
    fern.provider.down("fern", fern.report)
    fern.double.changed()
    fern.provider.rebuild(fern.wish(), (), fern.report)  # its record was lost
    assert fern.double.changed() == UP


@pytest.mark.parametrize("verb", ["up", "stop", "down", "rebuild", "snapshot"])
def test_exchanged_ports_are_seen_before_anything_is_changed(fern: Lab, verb: str) -> None:
    up(fern)
    one, other = fern.double.made["master"], fern.double.made["worker1"]
    one.brought, other.brought = other.brought, one.brought  # who answers there is the other one
    verbs: dict[str, Callable[[], object]] = {
        "up": lambda: fern.provider.up(fern.wish(), fern.report),
        "stop": lambda: fern.provider.stop("fern", fern.report),
        "down": lambda: fern.provider.down("fern", fern.report),
        "rebuild": lambda: fern.provider.rebuild(fern.wish(), ("master",), fern.report),
        "snapshot": lambda: fern.provider.snapshot(fern.wish(), "a", {}, {}, fern.report),
    }
    fern.double.changed()
    with pytest.raises(
        WhisklabError,
        match="fern-master: 127.0.0.1:.* SHA256.* nothing is changed there: its forwarded .*"
        "VAGRANT_DOTFILE_PATH=.*/.vagrant/labs/fern vagrant reload master",
    ):
        verbs[verb]()
    assert fern.double.changed() == []


def test_a_first_start_that_was_cut_short_is_continued(fern: Lab) -> None:
    fern.double.lost.add("worker1")
    assert up(fern) == [*UP, "provision worker1"]
    assert up(fern) == []


def test_a_machine_whose_start_failed_is_tried_again(fern: Lab) -> None:
    fern.double.faults = [("up worker1", "no room")]
    with pytest.raises(WhisklabError, match="vagrant up worker1: Vagrant says: no room"):
        up(fern)
    fern.double.faults = []
    assert up(fern) == [UP[2]]


@pytest.mark.parametrize("state", ["poweroff", "shutoff", "saved", "aborted", "paused", "crashed",
                                   "pmsuspended"])  # fmt: skip
def test_what_does_not_run_is_started(fern: Lab, state: str) -> None:
    up(fern)
    fern.double.made["worker1"].state = state
    assert up(fern) == [UP[2]]


@pytest.mark.parametrize(
    ("state", "told"),
    [("running", "running"), ("poweroff", "stopped"), ("shutoff", "stopped"), ("saved", "saved"),
     ("aborted", "aborted"), ("paused", "paused"), ("inaccessible", "inaccessible")],
)  # fmt: skip
def test_its_state_is_told_as_the_hypervisor_calls_it(fern: Lab, state: str, told: str) -> None:
    up(fern)
    fern.double.made["worker1"].state = state
    fern.double.made.pop("storage")
    assert fern.provider.machines("fern") == {"master": "running", "worker1": told}


@pytest.mark.parametrize("state", ["gurumeditation", "stuck", "whatever"])
def test_what_leads_nowhere_is_told(fern: Lab, state: str) -> None:
    up(fern)
    fern.double.made["worker1"].state = state
    with pytest.raises(
        WhisklabError, match=f"fern-worker1: its state is {state}: look at it in the"
    ):
        up(fern)
    assert fern.double.changed() == []


@pytest.mark.parametrize("verb", ["up", "stop", "snapshot"])
def test_a_machine_without_an_address_is_neither_on_nor_off(fern: Lab, verb: str) -> None:
    """What libvirt's plugin says of one that boots, and of one whose network does not come up."""
    up(fern)
    fern.double.made["worker1"].state = "inaccessible"
    verbs: dict[str, Callable[[], object]] = {
        "up": lambda: fern.provider.up(fern.wish(), fern.report),
        "stop": lambda: fern.provider.stop("fern", fern.report),
        "snapshot": lambda: fern.provider.snapshot(fern.wish(), "a", {}, {}, fern.report),
    }
    with pytest.raises(
        WhisklabError, match="worker1: its state is inaccessible .it has no address"
    ):
        verbs[verb]()
    assert fern.double.changed() == []
    assert fern.time.seconds >= 300


@pytest.mark.parametrize(
    "state",
    ["starting", "stopping", "saving", "preparing", "shutdown", "shutting_down", "inaccessible"],
)
def test_what_is_on_its_way_is_waited_for(fern: Lab, state: str) -> None:
    up(fern)
    made = fern.double.made["worker1"]
    made.state = state
    fern.time.then = [(fern.time.seconds + 9, lambda: setattr(made, "state", "poweroff"))]
    assert up(fern) == [UP[2]]


def test_a_status_that_fails_makes_nothing_smaller(fern: Lab) -> None:
    up(fern)
    record = records.file_of("vagrant", "fern").read_text()
    fern.double.faults = [("status", "boom")]
    for verb in (fern.provider.machines, lambda lab: fern.provider.down(lab, fern.report)):
        with pytest.raises(WhisklabError, match="vagrant status: Vagrant says: boom"):
            verb("fern")
    assert records.file_of("vagrant", "fern").read_text() == record
    assert fern.double.changed() == []


def test_the_box_is_fetched_first(fern: Lab) -> None:
    fern.double.boxes = {(BOX, "libvirt", "1.2.3"), (BOX, "virtualbox", "0.9")}
    fern.provider.up(fern.wish(image=f"{BOX}@1.2.3"), fern.report)
    assert fern.double.changed() == [
        f"box add {BOX} --provider virtualbox --box-version 1.2.3", *UP,
    ]  # fmt: skip
    fern.provider.up(fern.wish(image=f"{BOX}@1.2.3"), fern.report)
    assert fern.double.changed() == []


def test_without_a_box_no_machine_is_made(fern: Lab) -> None:
    fern.double.boxes = set()
    fern.double.faults = [("box add", "The requested URL returned error: 404")]
    with pytest.raises(WhisklabError, match="vagrant box add bento/.*: there is no such box"):
        up(fern)
    assert fern.double.made == {}


def test_the_hypervisor_of_the_machines_stays(fern: Lab) -> None:
    """Though another one is installed later."""
    up(fern)
    fern.here.hypervisor = "libvirt"
    fern.provider.rebuild(fern.wish(), ("worker1",), fern.report)
    assert fern.double.changed() == ["destroy --force worker1", UP[2]]


def test_a_first_up_that_made_nothing_begins_anew_with_other_keys(fern: Lab) -> None:
    fern.double.faults = [("up storage", "no room")]
    with pytest.raises(WhisklabError, match="no room"):
        up(fern)
    fern.double.faults = []
    assert fern.provider.knows("fern")
    for path in (fern.home / "state").rglob("host_keys/*"):
        path.unlink()
    assert up(fern) == UP


def test_a_private_network_that_was_not_made_is_told(fern: Lab) -> None:
    up(fern)
    fern.double.made["worker1"].cards = "lo UNKNOWN 127.0.0.1/8\nenp0s3 UP 10.0.2.15/24\n"
    with pytest.raises(BadInput, match="worker1: none of its network cards has 192.168.56.12"):
        up(fern)


@pytest.mark.parametrize(
    ("line", "card", "addresses"),
    [
        ("enp0s8           UP             192.168.56.11/24", "enp0s8", ["192.168.56.11"]),
        ("enp0s3  UP  10.0.2.15/24 metric 100", "enp0s3", ["10.0.2.15"]),
        ("eth1@if7 UP 10.9.0.1/24 10.9.0.2/24", "eth1", ["10.9.0.1", "10.9.0.2"]),
        ("flannel.1        UNKNOWN        10.42.0.0/32", "flannel.1", ["10.42.0.0"]),
        ("wlan0 DOWN", "wlan0", []),
    ],
)
def test_a_line_of_network_cards(line: str, card: str, addresses: list[str]) -> None:
    assert card_of(line) == (card, addresses)


def test_the_environment_of_this_repository() -> None:
    file = Path(__file__).parents[4] / "inventories/vagrant.yaml"
    found = parse(file.read_text(), "x")
    assert found.options() == {"image": BOX}
    assert [str(each.address) for each in found.machines()] == [
        f"192.168.56.{number}" for number in (11, 12, 13, 14)
    ]
    assert parse(found.text(), "x") == found
    assert FIRST_PORT


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("hypervisor: xen", "hypervisor: input should be '', 'virtualbox' or 'libvirt'"),
        ("internet: true", "internet: means nothing to the provider vagrant"),
        ("hosts: {a: {forward: [80]}}", "hosts.a.forward: means nothing to the provider vagrant"),
        ("hosts: {a: {address: 10.77.0.9}}", "expected a host's address in 192.168.56.0/24"),
    ],
)
def test_what_such_a_topology_may_not_say(text: str, sentence: str) -> None:
    hosts = "" if "hosts" in text else "\nhosts: {a: {}}"
    with pytest.raises(BadInput, match=re.escape(sentence)):
        parse(f"provider: vagrant\n{text}{hosts}", "x.yaml")
