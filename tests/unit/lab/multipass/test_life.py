"""The life of a lab of Multipass's instances: each verb, and what it asks the program for."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.unit.lab.guests import GROUPS
from tests.unit.lab.multipass.rig import GIB, Lab
from whisklab.errors import BadInput, WhisklabError
from whisklab.lab.common.guest import record as records
from whisklab.lab.common.guest.reach import public_of
from whisklab.lab.providers.multipass.user_data import user_data

NODES = ["fern-master", "fern-worker1"]


def up(fern: Lab, **how: bool) -> list[str]:
    """Bring the lab up; returns the calls that are no questions."""
    fern.program.asked()
    fern.provider.up(fern.wish(), fern.report, **how)
    return fern.program.changed()


def launch(name: str, memory: str, disk: str, within: int) -> str:
    return (
        f"launch 24.04 --name {name} --cpus 2 --memory {memory} --disk {disk} "
        f"--timeout {within} --cloud-init -"
    )


def test_a_lab_is_launched_with_its_sizes_and_found(fern: Lab) -> None:
    done = fern.provider.up(fern.wish(), fern.report)
    calls = fern.program.changed()
    assert calls[0] == launch("fern-master", "6G", "50G", 900)
    assert sorted(calls[1:]) == [
        launch("fern-storage", "4G", "50G", 900),
        launch("fern-worker1", "6G", "20G", 720),
    ]
    assert done.started == tuple(GROUPS)
    there = fern.program.read()["instances"]
    assert {name: str(how.inside) for name, how in done.machines.items()} == {
        name: there[f"fern-{name}"]["ipv4"][0] for name in GROUPS
    }
    assert {(how.address, how.port) for how in done.machines.values()} == {
        (str(how.inside), 22) for how in done.machines.values()
    }


def test_what_the_disks_of_other_instances_may_have_counts(fern: Lab) -> None:
    """The computer has 500 GiB free."""
    other = {"state": "Deleted", "ipv4": [], "release": "", "snapshots": {}, "disk": 390 * GIB}
    fern.program.change(lambda data: data["instances"].update(x=other))
    fern.provider.up(fern.wish(), fern.report)
    (said,) = [line for line in fern.said if line.startswith("disks may grow")]
    assert said.startswith("disks may grow to 122880 MB in all, beside at most 399360 MB of others")


def test_a_second_up_only_asks(fern: Lab) -> None:
    up(fern)
    assert up(fern) == []
    assert fern.provider.up(fern.wish(), fern.report).started == ()


def test_user_data_go_through_standard_input_and_no_call_has_a_path(fern: Lab) -> None:
    up(fern)
    fern.provider.stop("fern", fern.report)
    up(fern)
    for call in fern.program.read()["calls"]:
        assert not any(word.startswith(("/", "~", ".")) for word in call["argv"])
        assert bool(call["stdin"]) == (call["argv"][0] == "launch")
        assert call["argv"][0] not in {"exec", "shell", "purge", "transfer", "mount"}
        assert "--all" not in call["argv"]
    for each in fern.program.read()["instances"].values():
        assert yaml.safe_load(each["user_data"])["users"][0] == "default"


def test_at_most_two_launches_at_once(fern: Lab) -> None:
    fern.program.change(lambda data: data.update(slow=0.2))
    many = {"storage": ("storage",), **{f"worker{number}": ("workers",) for number in range(5)}}
    fern.provider.up(fern.wish(many), fern.report)
    assert fern.program.read()["most"] == 2


def test_stop_goes_by_dependence_and_is_done_once(fern: Lab) -> None:
    up(fern)
    assert fern.provider.stop("fern", fern.report).machines == ("master", "worker1", "storage")
    calls = fern.program.changed()
    assert sorted(calls[:2]) == [f"stop {name}" for name in NODES]
    assert calls[2:] == ["stop fern-storage"]
    assert fern.provider.stop("fern", fern.report).machines == ()
    assert fern.program.changed() == []
    assert fern.provider.machines("fern") == dict.fromkeys(GROUPS, "stopped")


def test_start_goes_by_dependence(fern: Lab) -> None:
    up(fern)
    fern.provider.stop("fern", fern.report)
    calls = up(fern)
    assert calls[0] == "start fern-storage --timeout 300"
    assert sorted(calls[1:]) == [f"start {name} --timeout 300" for name in NODES]


def test_down_removes_what_is_ours_and_nothing_else(fern: Lab) -> None:
    up(fern)
    foreign = {"state": "Deleted", "ipv4": [], "release": "", "snapshots": {}}
    fern.program.change(
        lambda data: data["instances"].update({"fern-other": foreign, "x": foreign})
    )
    fern.program.asked()
    assert fern.provider.down("fern", fern.report) == tuple(GROUPS)
    assert fern.program.changed() == [f"delete --purge fern-{name}" for name in GROUPS]
    assert set(fern.program.states()) == {"fern-other", "x"}
    assert not records.file_of("multipass", "fern").exists()
    assert fern.provider.down("fern", fern.report) == ()
    assert fern.provider.machines("fern") == {}


def test_one_that_cannot_be_removed_ends_nobody_elses_removal(fern: Lab) -> None:
    up(fern)
    for name in ("fern-master", "fern-worker1"):
        fern.program.fault(f"delete {name}", f"delete failed: {name} is stuck", times=1)
    with pytest.raises(WhisklabError, match=r"fern-master is stuck; .*fern-worker1 is stuck"):
        fern.provider.down("fern", fern.report)
    assert list(fern.program.states()) == ["fern-master", "fern-worker1"]
    assert fern.provider.knows("fern")
    assert fern.provider.down("fern", fern.report) == ("master", "worker1")
    assert fern.program.states() == {}


def test_rebuild_makes_a_machine_anew_with_its_key(fern: Lab) -> None:
    up(fern)
    before = fern.program.read()["instances"]
    fern.program.asked()
    done = fern.provider.rebuild(fern.wish(), ("worker1",), fern.report)
    assert fern.program.changed() == [
        "delete --purge fern-worker1", launch("fern-worker1", "6G", "20G", 720),
    ]  # fmt: skip
    assert done.started == ("worker1",)
    after = fern.program.read()["instances"]
    assert after["fern-worker1"]["user_data"] == before["fern-worker1"]["user_data"]
    assert done.machines["worker1"].address == after["fern-worker1"]["ipv4"][0]
    assert after["fern-worker1"]["ipv4"] != before["fern-worker1"]["ipv4"]
    with pytest.raises(BadInput, match="has no machine 'nobody'"):
        fern.provider.rebuild(fern.wish(), ("nobody",), fern.report)


def test_a_machine_that_is_not_wished_is_left_or_pruned(fern: Lab) -> None:
    up(fern)
    less = fern.wish({name: of for name, of in GROUPS.items() if name != "worker1"})
    assert fern.provider.up(less, fern.report).left == ("worker1",)
    assert "fern-worker1" in fern.program.states()
    assert fern.provider.up(less, fern.report, prune=True).removed == ("worker1",)
    assert "fern-worker1" not in fern.program.states()
    assert fern.provider.up(less, fern.report).left == ()


def test_deleted_ones_are_recovered_only_when_that_is_asked(fern: Lab) -> None:
    up(fern)
    fern.program.state("fern-worker1", "Deleted")
    with pytest.raises(BadInput, match="fern-worker1 is deleted, and not purged: .*--recover"):
        up(fern)
    assert fern.program.changed() == []
    assert up(fern, recover=True) == ["recover fern-worker1", "start fern-worker1 --timeout 300"]


@pytest.mark.parametrize("verb", ["up", "rebuild"])
@pytest.mark.parametrize("state", ["Running", "Deleted"])
def test_an_instance_of_our_name_that_we_did_not_make(fern: Lab, state: str, verb: str) -> None:
    there = {"state": state, "ipv4": [], "release": "", "snapshots": {}}
    fern.program.change(lambda data: data["instances"].update({"fern-storage": there}))
    verbs: dict[str, Callable[[], object]] = {
        "up": lambda: fern.provider.up(fern.wish(), fern.report),
        "rebuild": lambda: fern.provider.rebuild(fern.wish(), (), fern.report),
    }
    with pytest.raises(BadInput, match="fern-storage: .* did not make it"):
        verbs[verb]()
    assert fern.program.changed() == []


@pytest.mark.parametrize("verb", ["up", "stop", "down", "rebuild", "snapshot"])
def test_an_instance_that_somebody_made_anew_is_not_touched(fern: Lab, verb: str) -> None:
    """Each verb looks before its first change."""
    up(fern)
    other = fern.wish(name="moss")
    key = other.host_keys["storage"]
    fern.program.rewrite("fern-storage", lambda data: data["ssh_keys"].update(ed25519_private=key))
    verbs: dict[str, Callable[[], object]] = {
        "up": lambda: fern.provider.up(fern.wish(), fern.report),
        "stop": lambda: fern.provider.stop("fern", fern.report),
        "down": lambda: fern.provider.down("fern", fern.report),
        "rebuild": lambda: fern.provider.rebuild(fern.wish(), ("storage",), fern.report),
        "snapshot": lambda: fern.provider.snapshot(fern.wish(), "a", {}, {}, fern.report),
    }
    fern.program.asked()
    with pytest.raises(WhisklabError, match="fern-storage: .*SHA256:one.* made it anew"):
        verbs[verb]()
    assert fern.program.changed() == []


def test_an_up_that_was_killed_is_continued(fern: Lab, tmp_path: Path) -> None:
    """SIGKILL while the second machine is launched: it is ours, and is not made twice."""
    fern.wish()
    fern.program.fault("launch fern-worker1", hang=True, does=True)
    script = (
        "import sys; from pathlib import Path; from tests.unit.lab.multipass import rig\n"
        f"fern = rig.lab(Path({str(tmp_path)!r}))\n"
        "fern.provider.up(fern.wish(), print)"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while "fern-worker1" not in fern.program.states() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    fern.program.asked()
    done = fern.provider.up(fern.wish(), fern.report)
    launched = [call.split()[3] for call in fern.program.changed() if call.startswith("launch")]
    assert "fern-worker1" not in launched
    assert set(done.machines) == set(GROUPS)


def test_an_instance_that_is_being_prepared_is_waited_for(fern: Lab) -> None:
    """Its image is fetched for a client that was killed; it is not listed until that is done."""
    fern.wish()
    first = dict(list(GROUPS.items())[:1])
    made = fern.program

    def ready() -> None:
        made.change(lambda data: data.update(preparing=[]))
        fern.program.change(lambda data: data["instances"].update(later))

    record = records.Record("multipass", "fern", "lab", fern.wish().key)
    record.begun("master", ("masters",), public_of(fern.wish().host_keys["master"]))
    record.save()
    later = {"fern-master": {
        "state": "Running", "ipv4": ["10.121.48.9"], "release": "", "cpus": 2, "memory": 6 * GIB,
        "disk": 50 * GIB, "snapshots": {},
        "user_data": user_data(fern.wish(), fern.wish().machines[0], record.token),
    }}  # fmt: skip
    made.change(lambda data: data.update(preparing=["fern-master"]))
    with pytest.raises(WhisklabError, match="fern-master: Multipass is preparing it: wait until"):
        fern.provider.down("fern", fern.report)
    assert records.file_of("multipass", "fern").exists()
    fern.program.asked()
    fern.time.then = [(90.0, ready)]
    fern.provider.up(fern.wish(first), fern.report)
    assert [call.split()[0] for call in fern.program.changed()] == ["launch"]


@pytest.mark.parametrize("verb", ["machines", "stop", "down", "up"])
def test_a_list_that_fails_makes_nothing_smaller(fern: Lab, verb: str) -> None:
    up(fern)
    record = records.file_of("multipass", "fern").read_text()
    fern.program.fault("list", "list failed: IP not available", times=99)
    verbs: dict[str, Callable[[], object]] = {
        "machines": lambda: fern.provider.machines("fern"),
        "stop": lambda: fern.provider.stop("fern", fern.report),
        "down": lambda: fern.provider.down("fern", fern.report),
        "up": lambda: fern.provider.up(fern.wish(), fern.report, prune=True),
    }
    with pytest.raises(WhisklabError, match="IP not available"):
        verbs[verb]()
    assert records.file_of("multipass", "fern").read_text() == record
    assert fern.program.changed() == []


def test_a_clone_is_refused_with_its_reason(fern: Lab) -> None:
    with pytest.raises(BadInput, match="moss: Multipass gives the clone .* another address"):
        fern.provider.clone(fern.wish(name="moss"), "fern", None, "t", fern.report)
    assert fern.program.asked() == []


def test_the_primary_instance_is_never_ours(fern: Lab) -> None:
    fern.provider.check(fern.wish())
    fern.program.change(lambda data: data.update(settings={"client.primary-name": "fern-storage"}))
    with pytest.raises(BadInput, match="fern-storage: Multipass mounts your home"):
        fern.provider.check(fern.wish())
