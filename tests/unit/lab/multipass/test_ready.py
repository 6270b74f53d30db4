"""When a machine is ready: who answers where, and what cloud-init says."""

from __future__ import annotations

import json

import pytest

from tests.unit.lab.multipass.rig import Lab
from whisklab.errors import WhisklabError
from whisklab.lab.common.guest.ready import WITHIN
from whisklab.lab.common.guest.told import Told, told

ONE = {"master": ("masters",)}
RUNS = '{"status": "running", "extended_status": "running", "stage": "modules-final"}'
DEGRADED = json.dumps({
    "status": "done", "extended_status": "degraded done", "errors": [], "stage": None,
    "init": {"errors": [], "finished": 14.21, "start": 12.9},
    "recoverable_errors": {"DEPRECATED": ["'lists' is deprecated"], "WARNING": ["one failed"]},
})  # fmt: skip
LATER_STAGES_RUN = json.dumps({
    "status": "error", "extended_status": "error - running", "errors": ["apt lock held"],
    "modules-final": {"errors": ["apt lock held"], "finished": None, "start": 22.0},
    "recoverable_errors": {}, "stage": "modules-final",
})  # fmt: skip
FAILED = LATER_STAGES_RUN.replace("error - running", "error - done").replace("null", "61.5")


def up(fern: Lab) -> None:
    fern.provider.up(fern.wish(ONE), fern.report)


def test_cloud_init_is_waited_for_and_told(fern: Lab) -> None:
    fern.machines.status["fern-master"] = [*[RUNS] * 15, DEGRADED]
    up(fern)
    assert fern.time.seconds >= 30
    assert any("cloud-init is at work (modules-final)" in line for line in fern.said)
    assert "master: cloud-init warns: 'lists' is deprecated; one failed" in fern.said


def test_an_error_counts_when_all_stages_have_ended(fern: Lab) -> None:
    fern.machines.status["fern-master"] = [LATER_STAGES_RUN, LATER_STAGES_RUN, FAILED]
    with pytest.raises(WhisklabError, match="fern-master: cloud-init has failed: apt lock held; "):
        up(fern)
    assert fern.time.seconds == 4


def test_what_is_never_ready_is_told_and_left(fern: Lab) -> None:
    fern.machines.status["fern-master"] = [RUNS]
    with pytest.raises(WhisklabError, match="fern-master: not ready after 900 s: cloud-init is at"):
        up(fern)
    assert fern.time.seconds >= WITHIN
    assert fern.program.states() == {"fern-master": "Running"}
    fern.machines.status.clear()
    fern.program.asked()
    up(fern)
    assert fern.program.changed() == []


@pytest.mark.parametrize(
    "says",
    ["timed out waiting for initialization to complete",
     "fern-master: timed out waiting for response"],
)  # fmt: skip
def test_a_launch_that_did_not_wait_is_no_failure(fern: Lab, says: str) -> None:
    """Multipass knows no state of one that has not answered by then, until it does."""
    fern.time.then = [(200.0, lambda: fern.program.state("fern-master", "Running"))]
    fern.program.fault(
        "launch", f"launch failed: The following errors occurred:\n{says}", does=True
    )
    fern.machines.status["fern-master"] = [*[RUNS] * 15, DEGRADED]
    up(fern)
    assert [call.split()[0] for call in fern.program.changed()] == ["launch"]
    assert any("did not wait for it to the end; it is waited for here" in e for e in fern.said)


def test_a_firewall_is_named_before_machines_are_made_and_when_one_is_late(fern: Lab) -> None:
    fern.firewall = "the firewall drops"
    fern.program.fault(
        "launch", "launch failed: timed out waiting for initialization to complete", does=True
    )
    up(fern)
    assert fern.said[:2] == ["the firewall drops", "launching the instance fern-master"]
    assert fern.said[2].endswith("it is waited for here; the firewall drops")
    fern.said.clear()
    up(fern)
    assert fern.said == []  # nothing is made


def test_a_machine_to_which_our_data_were_not_applied(fern: Lab) -> None:
    fern.machines.bare.add("fern-master")
    fern.machines.status["fern-master"] = [RUNS, DEGRADED]
    with pytest.raises(WhisklabError, match="applied none of our data: 'lists' is deprecated; one"):
        up(fern)


def test_a_machine_of_another_lab(fern: Lab) -> None:
    up(fern)
    marker = '{"lab": "another", "machine": "other"}'
    fern.program.rewrite("fern-master", lambda data: data["write_files"][0].update(content=marker))
    with pytest.raises(WhisklabError, match="is not the machine master of this lab, but other"):
        up(fern)


def test_another_host_key_may_be_passing(fern: Lab) -> None:
    """While it boots, and when another machine has just got the address."""
    up(fern)
    fern.provider.stop("fern", fern.report)
    other = fern.wish(ONE, name="moss").host_keys["master"]
    mine = fern.wish(ONE).host_keys["master"]

    def show(key: str) -> None:
        fern.program.rewrite(
            "fern-master", lambda data: data["ssh_keys"].update(ed25519_private=key)
        )

    show(other)
    fern.time.then = [(fern.time.seconds + 30, lambda: show(mine))]
    up(fern)
    fern.provider.stop("fern", fern.report)
    show(other)
    with pytest.raises(WhisklabError, match="SHA256:one, and the machine's is SHA256:other"):
        up(fern)


def test_of_several_addresses_the_one_counts_that_answers(fern: Lab) -> None:
    up(fern)
    own = fern.program.read()["instances"]["fern-master"]["ipv4"][0]
    many = ["10.42.0.0", "172.17.0.1", "10.121.48.200", own, "10.42.0.1", "N/A"]
    for listed in (many, many[::-1], sorted(many)):
        fern.program.change(lambda data: data["instances"]["fern-master"].update(ipv4=listed))  # noqa: B023
        assert str(fern.provider.up(fern.wish(ONE), fern.report).machines["master"].inside) == own


def test_an_address_that_has_moved_is_found_and_remembered(fern: Lab) -> None:
    up(fern)
    fern.program.change(lambda data: data["instances"]["fern-master"].update(ipv4=["10.9.9.9"]))
    assert fern.provider.up(fern.wish(ONE), fern.report).machines["master"].address == "10.9.9.9"


@pytest.mark.parametrize(
    ("said", "finished", "errors"),
    [
        ("status: done", True, ()),
        ("status: running", False, ()),
        ("status: not run", False, ()),
        ("status: disabled", True, ()),
        ("status: error", True, ("status: error",)),
        ("", True, ()),
        ('{"status": "disabled"}', True, ()),
        ('{"status": "not started"}', False, ()),
        (RUNS, False, ()),
        (LATER_STAGES_RUN, False, ("apt lock held",)),
        (FAILED, True, ("apt lock held",)),
    ],
)
def test_what_cloud_init_says(said: str, finished: bool, errors: tuple[str, ...]) -> None:
    found = told(f'{{"lab": "t", "machine": "m"}}\n\n---\n{said}')
    assert (found.token, found.machine, found.finished) == ("t", "m", finished)
    assert found.errors == errors


def test_without_a_marker_it_is_nobodys() -> None:
    assert told("\n---\nstatus: done") == Told("", "", finished=True)
    assert told("{}\n---\nstatus: done").token == ""
