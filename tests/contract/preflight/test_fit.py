"""A machine that is not fit is failed before any change, with all that is wrong, in a plan too."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deploys.preflight import survey
from deploys.preflight.checks import Wish
from deploys.preflight.operations import fit
from deploys.preflight.settings import PreflightSettings
from tests.contract.test_base_operations import NOTHING, Machine, Outcome, a_machine
from whisklab.engine.ssh.tunnels import Forbidden

ANSWER = """\
clock now
remembered 10.0.0.2
os debian
os_version 12
machine x86_64
init systemd
cpus 2
memory_kb 2014000
disk_kb 63588920
name worker1
machine_id 163c08714f7c4ef1a2de799bda143539
route 4 eth0
address eth0 10.0.0.2/24
socket 0  4096  *:10250  *:*  users:(("k3s",pid=715,fd=15))
unit 715 k3s-agent.service
has memory
has overlay
has br_netfilter
end .
"""
WISH = Wish(
    name="@local", address="10.0.0.2", ports={10250: "k3s-agent"},
    open_ports={"10250/tcp": "kubelet"}, containers=True,
)  # fmt: skip
# The script's last program: what it has been told is thrown away, and the given answer told.
TELLS = """cat > /dev/null; echo asked >> "$root/asked"
sed "s/^clock now/clock $(date +%s.%N)/" "$root/answer\""""


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """One that answers as a fit one does."""
    made = a_machine(tmp_path, "/var/lib")
    made.stub("tr", TELLS)
    says(made)
    return made


def says(machine: Machine, change: Callable[[str], str] = str) -> None:
    (machine.root / "answer").write_text(change(ANSWER))


def look(machine: Machine, wish: Wish = WISH, by_route: Any = ()) -> Outcome:
    """Nothing is ever changed."""
    before = machine.tree()
    outcome = machine.run(fit, wish=wish, by_route=by_route)
    assert machine.tree() == before
    return outcome


def accepting(*kinds: Any, **least: int) -> Wish:
    return replace(WISH, settings=PreflightSettings(accept=list(kinds), **least))


def asked(machine: Machine) -> int:
    return len((machine.root / "asked").read_text().splitlines())


def test_one_that_is_fit_is_asked_once_a_stage_and_that_is_all(machine: Machine) -> None:
    assert look(machine) == NOTHING
    assert asked(machine) == len(["plan", "run"])


# By kind: the line that the machine answers otherwise, and how the sentence begins.
WRONG: dict[str, tuple[str, str, str]] = {
    "architecture": ("machine x86_64", "machine riscv64", "its processor is riscv64"),
    "systemd": ("init systemd", "init openrc", "process 1 is openrc, not systemd"),
    "tools": ("os debian", "os debian\nmissing ss", "the program ss is missing"),
    "cpus": ("cpus 2", "cpus 0", "it has 0 CPUs, 1 are needed"),
    "memory": ("memory_kb 2014000", "memory_kb 9999", "it has 9 MB of memory, 512 are needed"),
    "disk": ("disk_kb 63588920", "disk_kb 99999", "97 MB are free for /var/lib, 2048 are needed"),
    "moved": ("remembered 10.0.0.2", "remembered 10.0.0.9", "its node_address was 10.0.0.9"),
    "address": ("10.0.0.2/24", "10.0.0.7/24", "its node_address 10.0.0.2 is not on it"),
    "route": ("route 4 eth0\n", "", "it has no default route for IPv4"),
    "port": ("unit 715 k3s-agent", "unit 715 nginx", "port 10250, which k3s-agent needs, is taken"),
    "firewall": ("has memory", "has memory\nfirewall both ufw", "a firewall is active (ufw)"),
    "memory-cgroup": ("has memory\n", "", "its kernel has the memory cgroup turned off"),
    "overlay": ("has overlay\n", "", "its kernel has no overlay file system"),
    "br_netfilter": ("has br_netfilter\n", "", "its kernel has no br_netfilter"),
    "machine-id": ("163c08714f7c4ef1a2de799bda143539", "uninitialized", "it has no machine-id"),
    "clock": ("clock now", "clock 1000000000.5", "its clock is "),
}  # fmt: skip


@pytest.mark.parametrize("kind", WRONG)
def test_what_is_wrong_is_said_in_the_plan_and_fails_the_run_unless_it_is_accepted(
    machine: Machine, kind: str
) -> None:
    before, after, sentence = WRONG[kind]
    says(machine, lambda text: text.replace(before, after))
    outcome = look(machine)
    assert (outcome.failed, outcome.yielded) == (True, [["fail"]])
    planned, done = outcome.said
    assert planned.startswith(f"{kind}: {sentence}")
    # (By how much a clock is wrong is another number a moment later.)
    assert done == planned or kind == "clock"
    assert [each.text for each in outcome.why] == [planned]
    warned = look(machine, accepting(kind))
    assert (warned.failed, warned.yielded, len(warned.said)) == (False, [], 1)
    assert warned.said[0].startswith(f"{kind}: {sentence}")


def test_all_that_is_wrong_is_said_at_once(machine: Machine) -> None:
    says(machine, lambda text: text.replace("has overlay\n", "").replace("cpus 2", "cpus 0"))
    outcome = look(machine)
    assert [each.split(":")[0] for each in outcome.said] == ["cpus", "overlay"] * 2


def test_what_only_warns_is_said_once_and_can_be_silenced(machine: Machine) -> None:
    says(machine, lambda text: text.replace("os debian", "os arch"))
    outcome = look(machine)
    assert (outcome.failed, outcome.yielded, len(outcome.said)) == (False, [], 1)
    assert outcome.said[0].startswith("os: arch 12 is none of the tested systems")
    assert look(machine, accepting("os")) == NOTHING


def test_the_minima_are_those_of_the_data(machine: Machine) -> None:
    assert look(machine, accepting(min_cpus=2, min_memory_mb=2048)) == NOTHING
    outcome = look(machine, accepting(min_cpus=3, min_memory_mb=4096))
    assert [each.split(":")[0] for each in outcome.said[:2]] == ["cpus", "memory"]


def test_a_machine_without_containers_needs_no_kernel_for_them(machine: Machine) -> None:
    says(machine, lambda text: text.replace("has ", "had "))
    assert look(machine, replace(WISH, containers=False)) == NOTHING


def test_an_sshd_that_forwards_nothing_is_told(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forbidden(*_: object) -> None:
        raise Forbidden("sshd on @local forbids TCP forwarding: set it")

    monkeypatch.setattr(survey, "open_tunnel", forbidden)
    assert look(machine).said == ["forwarding: sshd on @local forbids TCP forwarding: set it"] * 2
    assert not look(machine, accepting("forwarding")).failed


@pytest.mark.parametrize("text", ["", "cpus many", "end .", "clock now\nmachine x86_64"])
def test_an_answer_that_is_not_understood_fails_the_machine_and_nothing_is_concluded(
    machine: Machine, text: str
) -> None:
    says(machine, lambda _: f"{text}\n")
    outcome = look(machine)
    assert (outcome.failed, outcome.yielded) == (True, [["fail"]])
    assert [each for each in outcome.said if "MachineAnswer" not in each] == [
        "answer: it gave none that can be understood (see above): run again"
    ]


REAL = 'PRETTY_NAME="Plan 9"\nID=plan9\nVERSION_ID="4"\n'
# What may be otherwise with the computer on which the tests run.
OURS = ["address", "architecture", "br_netfilter", "card", "clock", "cpus", "disk", "firewall",
        "machine-id", "memory", "memory-cgroup", "moved", "name", "overlay", "port", "reach",
        "route", "systemd", "tools"]  # fmt: skip


@pytest.fixture
def real(tmp_path: Path) -> Machine:
    """One that is asked by the real script, and whose system nobody knows."""
    made = a_machine(tmp_path, "/etc", "/var/lib")
    made.put("/etc/passwd", "root:x:0:0::/root:/bin/sh\n")
    made.put("/etc/machine-id", "163c08714f7c4ef1a2de799bda143539\n")
    made.put("/etc/os-release", REAL)
    for name in ("ip", "ss", "nft", "iptables", "ip6tables", "modprobe"):
        made.stub(name)
    return made


def test_a_system_that_nobody_knows_is_told_by_the_real_script_and_goes_on(real: Machine) -> None:
    outcome = look(real, accepting(*OURS))
    (said,) = (each for each in outcome.said if each.startswith("os: "))
    assert said.startswith("os: plan9 4 is none of the tested systems (debian 12, ")
    assert (outcome.failed, outcome.yielded) == (False, [])


def test_an_answer_of_the_real_script_that_nobody_can_read_fails_the_machine(real: Machine) -> None:
    real.stub("nproc", "echo many")
    outcome = look(real, accepting(*OURS))
    assert (outcome.failed, outcome.yielded) == (True, [["fail"]])
    assert any("cannot tell MachineAnswer" in each for each in outcome.said)
    assert outcome.said[-1].startswith("answer: it gave none that can be understood")
