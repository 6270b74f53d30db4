"""What is asked about an instance in each of Multipass's states."""

from __future__ import annotations

import pytest

from tests.unit.lab.multipass.rig import Lab
from whisklab.errors import WhisklabError
from whisklab.lab.providers.multipass.instances import State
from whisklab.lab.providers.multipass.rules import STOP, UP

ONE = {"master": ("masters",)}
START, HALT = "start fern-master --timeout 300", "stop fern-master"


@pytest.fixture
def one(fern: Lab) -> Lab:
    """A lab of one machine, which is up."""
    fern.provider.up(fern.wish(ONE), fern.report)
    fern.program.asked()
    return fern


def test_there_is_a_rule_for_each_state() -> None:
    assert set(UP) == set(STOP) == set(State)
    assert len(State) == 10


@pytest.mark.parametrize(
    ("state", "then", "calls"),
    [
        ("Running", None, []),
        ("Stopped", None, [START]),
        ("Suspended", None, [START]),
        ("Starting", "Running", []),
        ("Restarting", "Running", []),
        ("Suspending", "Suspended", [START]),
        ("Delayed Shutdown", None, ["stop --cancel fern-master"]),
        ("Unknown", None, []),
    ],
)
def test_up(one: Lab, state: str, then: str | None, calls: list[str]) -> None:
    one.program.state("fern-master", state)
    if then:
        one.time.then = [(one.time.seconds + 7, lambda: one.program.state("fern-master", then))]
    done = one.provider.up(one.wish(ONE), one.report)
    assert one.program.changed() == calls
    assert set(done.machines) == {"master"}
    told = [line for line in one.said if "`snap refresh --hold multipass`" in line]
    assert len(told) == ("Suspended" in {state, then})


def test_up_starts_what_is_unknown_and_does_not_answer(one: Lab) -> None:
    one.program.state("fern-master", "Unknown")
    one.machines.silent.add("fern-master")
    one.time.then = [(one.time.seconds + 9, one.machines.silent.clear)]
    one.provider.up(one.wish(ONE), one.report)
    assert one.program.changed() == [HALT, START]
    assert any("knows no state of fern-master: it is stopped first" in line for line in one.said)


def test_a_first_boot_is_not_stopped_in_the_middle(fern: Lab) -> None:
    """Multipass has given up, knows no state and no address: ten minutes, and only then."""
    says = (
        "launch failed: The following errors occurred:\nfern-master: timed out waiting for response"
    )
    fern.program.fault("launch", says, does=True)
    fern.provider.up(fern.wish(ONE), fern.report)
    assert [call.split()[0] for call in fern.program.changed()] == ["launch", "stop", "start"]
    assert fern.time.seconds > 600


def test_nothing_is_ended_by_force(one: Lab) -> None:
    one.program.state("fern-master", "Unknown")
    one.machines.silent.add("fern-master")
    one.program.fault("stop", "stop failed: it is stuck", times=9)
    with pytest.raises(WhisklabError, match="by force, .*`multipass stop --force fern-master`"):
        one.provider.up(one.wish(ONE), one.report)
    assert one.program.changed() == [HALT]


def test_a_zone_that_is_switched_off_is_told(one: Lab) -> None:
    one.program.state("fern-master", "Unavailable")
    with pytest.raises(WhisklabError, match="fern-master: its availability zone is switched off"):
        one.provider.up(one.wish(ONE), one.report)
    assert one.program.changed() == []


@pytest.mark.parametrize("state", ["Starting", "Restarting", "Suspending"])
def test_what_does_not_get_on_is_told(one: Lab, state: str) -> None:
    one.program.state("fern-master", state)
    with pytest.raises(WhisklabError, match=f"fern-master: Multipass calls it {state} for 300 s"):
        one.provider.up(one.wish(ONE), one.report)
    assert one.program.changed() == []


@pytest.mark.parametrize(
    ("state", "then", "calls", "stopped"),
    [
        ("Running", None, [HALT], ("master",)),
        ("Delayed Shutdown", None, [HALT], ("master",)),
        ("Unknown", None, [HALT], ("master",)),
        ("Starting", "Running", [HALT], ("master",)),
        ("Restarting", "Running", [HALT], ("master",)),
        ("Suspending", "Suspended", [], ()),
        ("Stopped", None, [], ()),
        ("Suspended", None, [], ()),
        ("Deleted", None, [], ()),
        ("Unavailable", None, [], ()),
    ],
)
def test_stop(
    one: Lab, state: str, then: str | None, calls: list[str], stopped: tuple[str, ...]
) -> None:
    one.program.state("fern-master", state)
    if then:
        one.time.then = [(one.time.seconds + 7, lambda: one.program.state("fern-master", then))]
    assert one.provider.stop("fern", one.report).machines == stopped
    assert one.program.changed() == calls


@pytest.mark.parametrize("state", [str(each) for each in State])
def test_down_removes_it_in_any_state(one: Lab, state: str) -> None:
    one.program.state("fern-master", state)
    assert one.provider.down("fern", one.report) == ("master",)
    assert one.program.changed() == ["delete --purge fern-master"]


@pytest.mark.parametrize("state", [str(each) for each in State])
def test_its_state_is_told_as_multipass_calls_it(one: Lab, state: str) -> None:
    one.program.state("fern-master", state)
    assert one.provider.machines("fern") == {"master": state.lower()}
    assert one.program.changed() == []
