"""What preflight makes of what machines say."""

from __future__ import annotations

import dataclasses
import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pyinfra.api import FactProcessError

from deploys.preflight.across import Seen, compare
from deploys.preflight.checks import Finding, Wish, accepted, judge
from deploys.preflight.facts import Firewall, Listener, MachineAnswer
from deploys.preflight.settings import PreflightSettings

SAID = """\
clock 1795206588.770595494
remembered 10.0.0.2
os debian
peer 10.0.0.1 yes
os_version 12
machine x86_64
init systemd
cpus 2
memory_kb 2014000
disk_kb 63588920
name worker1
machine_id 163c08714f7c4ef1a2de799bda143539
route 4 eth1
address lo 127.0.0.1/8
address eth0 10.0.0.2/24
address eth1 10.0.2.15/24
address eth1 fd00::2/64
socket 0  128  0.0.0.0:22  0.0.0.0:* users:(("sshd",pid=119,fd=3),("systemd",pid=1,fd=7))
socket 0  128     [::]:22     [::]:* users:(("sshd",pid=119,fd=4))
socket 0  4096       *:10250     *:* users:(("my server",pid=715,fd=15))
socket 0  4096 127.0.0.53%lo:53  0.0.0.0:*
unit 119 ssh.service
unit 119 inner.service
firewall both ufw
firewall ip iptables
has memory
has overlay
has br_netfilter
end .
""".splitlines()

FIT = dataclasses.replace(MachineAnswer().process(SAID), firewalls=())
WISH = Wish(
    name="worker1",
    address="10.0.0.2",
    ports={10250: "k3s-agent"},
    open_ports={"10250/tcp": "kubelet", "8472/udp": "flannel"},
    containers=True,
    peers={"10.0.0.1": "master"},
)
OURS = (Listener(10250, 715, "k3s", "k3s-agent.service"),)


def test_parsing() -> None:
    answer = MachineAnswer().process(SAID)
    assert answer.clock == 1795206588.770595494
    assert (answer.os, answer.machine, answer.init) == ("debian 12", "x86_64", "systemd")
    assert (answer.cpus, answer.memory_kb, answer.disk_kb) == (2, 2014000, 63588920)
    assert answer.addresses == {
        "127.0.0.1": "lo", "10.0.0.2": "eth0", "10.0.2.15": "eth1", "fd00::2": "eth1",
    }  # fmt: skip
    assert answer.routes == {4: "eth1"}
    assert answer.listeners == (
        Listener(22, 119, "sshd", "ssh.service"),
        Listener(22, 1, "systemd", ""),
        Listener(10250, 715, "my server", ""),
    )
    assert answer.firewalls == (Firewall("both", "ufw"), Firewall("ip", "iptables"))
    assert answer.kernel == {"memory", "overlay", "br_netfilter"}
    assert (answer.remembered, dict(answer.peers)) == ("10.0.0.2", {"10.0.0.1": True})


def test_what_need_not_be_there() -> None:
    optional = ("remembered", "os", "peer", "route", "address", "socket", "unit", "firewall", "has")
    answer = MachineAnswer().process([line for line in SAID if not line.startswith(optional)])
    assert (answer.remembered, answer.os) == (None, "unknown")
    assert not answer.peers
    assert not answer.listeners
    # Debian testing has no version.
    assert MachineAnswer().process([x for x in SAID if "os_version" not in x]).os == "debian"


@pytest.mark.parametrize("key", ["clock", "machine", "init", "cpus", "memory_kb", "disk_kb", "name",
                                 "machine_id", "end"])  # fmt: skip
def test_an_answer_without_what_must_be_there(key: str) -> None:
    with pytest.raises(FactProcessError, match=key):
        MachineAnswer().process([line for line in SAID if line.split()[0] != key])


MALFORMED = ["cpus many", "clock ", "memory_kb 1 MB", "route x", "socket 0 1", "socket 0 1 2",
             "unit 1", "unit x y", "firewall ufw", "peer x"]  # fmt: skip


@pytest.mark.parametrize("line", MALFORMED)
def test_a_malformed_line(line: str) -> None:
    key = line.split(maxsplit=1)[0]
    with pytest.raises(FactProcessError, match="unexpected answer"):
        MachineAnswer().process([line, *(each for each in SAID if not each.startswith(f"{key} "))])


@given(st.lists(st.text()))
def test_no_answer_is_a_traceback(lines: list[str]) -> None:
    with pytest.raises(FactProcessError):
        MachineAnswer().process(lines)
    with pytest.raises(FactProcessError):
        MachineAnswer().process([*SAID, *(f"socket {line}" for line in lines), "unit broken"])


def test_the_command_carries_the_script_without_its_comments() -> None:
    command = str(MachineAnswer().command(peers=["10.0.0.1", "fd00::1"]))
    assert "Nothing" not in command
    assert "# " not in command
    assert command.endswith("/var/lib/whisklab/node_address 10.0.0.1 fd00::1")


def test_a_machine_that_is_fit() -> None:
    assert judge(dataclasses.replace(FIT, listeners=OURS), WISH) == []


BAD: list[tuple[str, dict[str, Any], str]] = [
    ("architecture", {"machine": "riscv64"}, "its processor is riscv64"),
    ("systemd", {"init": "runit"}, "process 1 is runit"),
    ("tools", {"missing": ("ss",)}, "the program ss is missing"),
    ("cpus", {"cpus": 0}, "it has 0 CPUs, 1 are needed"),
    ("memory", {"memory_kb": 400 * 1024}, "it has 400 MB of memory, 512 are needed"),
    ("disk", {"disk_kb": 1024 * 1024}, "1024 MB are free for /var/lib, 2048 are needed"),
    ("moved", {"remembered": "10.0.0.9"}, "was 10.0.0.9 and is now 10.0.0.2"),
    ("address", {"addresses": ("127.0.0.1", "10.9.9.9", "fe80::1")}, "there are 10.9.9.9: correct"),
    ("route", {"routes": {6: "eth0"}}, "no default route for IPv4"),
    ("reach", {"peers": {"10.0.0.1": False}}, "cannot reach master at 10.0.0.1"),
    ("reach", {"peers": {}}, "cannot reach master at 10.0.0.1"),
    ("port", {"listeners": (Listener(10250, 7, "socat", "x.service"),)},
     "port 10250, which k3s-agent needs, is taken by socat (pid 7)"),
    ("firewall", {"firewalls": (Firewall("both", "ufw"), Firewall("ip", "iptables"))},
     "a firewall is active (ufw; iptables): turn it off, or let in 10250/tcp (kubelet), 8472/udp "),
    ("memory-cgroup", {"kernel": {"overlay", "br_netfilter"}}, "cgroup_enable=memory"),
    ("overlay", {"kernel": {"memory", "br_netfilter"}}, "no overlay file system"),
    ("br_netfilter", {"kernel": {"memory", "overlay"}}, "no br_netfilter"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "wrong", "part"), BAD, ids=[f"{b[0]}{i}" for i, b in enumerate(BAD)]
)
def test_each_finding(kind: str, wrong: dict[str, Any], part: str) -> None:
    answer = dataclasses.replace(FIT, **{"listeners": OURS, **wrong})
    (finding,) = judge(answer, WISH)
    assert (finding.kind, finding.warning) == (kind, False)
    assert part in finding.sentence
    assert ": " in finding.sentence  # what is wrong: what to do


@pytest.mark.parametrize("routes", [{}, {6: "eth0"}])
def test_a_route_that_k3s_brings_or_that_nobody_needs(routes: dict[int, str]) -> None:
    answer = dataclasses.replace(FIT, listeners=OURS, routes=routes)
    assert judge(answer, dataclasses.replace(WISH, makes_route=True)) == []
    (finding,) = judge(answer, WISH)
    assert finding.sentence.endswith("in a network without a gateway, set k3s_dummy_route = True")
    assert judge(answer, dataclasses.replace(WISH, containers=False)) == []
    six = dataclasses.replace(WISH, address="fd00::2", makes_route=True)  # it is for IPv4
    found = [each.kind for each in judge(dataclasses.replace(answer, routes={4: "eth0"}), six)]
    assert "route" in found


@pytest.mark.parametrize("system", ["debian 12", "debian 13", "ubuntu 22.04", "ubuntu 24.04"])
def test_supported_systems(system: str) -> None:
    assert judge(dataclasses.replace(FIT, os=system, listeners=OURS), WISH) == []


def test_another_system_is_a_warning() -> None:
    (finding,) = judge(dataclasses.replace(FIT, os="fedora 42", listeners=OURS), WISH)
    assert (finding.kind, finding.warning) == ("os", True)


def test_a_machine_of_2048_mb_shows_less_and_is_enough() -> None:
    settings = PreflightSettings(min_memory_mb=2048)
    wish = dataclasses.replace(WISH, settings=settings)
    assert judge(dataclasses.replace(FIT, memory_kb=1_960_000, listeners=OURS), wish) == []
    assert judge(dataclasses.replace(FIT, memory_kb=1_000_000, listeners=OURS), wish)


def test_what_a_machine_without_containers_needs_not() -> None:
    answer = dataclasses.replace(FIT, kernel=frozenset(), firewalls=(Firewall("both", "ufw"),))
    wish = dataclasses.replace(WISH, containers=False, ports={}, open_ports={})
    assert judge(answer, wish) == []


def test_a_firewall_of_the_other_ip_version_is_none() -> None:
    answer = dataclasses.replace(FIT, listeners=OURS, firewalls=(Firewall("ip6", "ip6tables"),))
    assert judge(answer, WISH) == []
    six = dataclasses.replace(WISH, address="fd00::2")
    kinds = [finding.kind for finding in judge(answer, six)]
    assert kinds == ["moved", "route", "firewall"]


def test_addresses_are_compared_as_addresses() -> None:
    answer = dataclasses.replace(FIT, listeners=OURS, remembered=None, routes={6: "eth0"},
                                 addresses={"fd00:0:0::2": "eth0"})  # fmt: skip
    assert judge(answer, dataclasses.replace(WISH, address="fd00::2")) == []


def test_what_is_accepted_warns_and_what_warned_is_silent() -> None:
    findings = [Finding("firewall", "a"), Finding("os", "b", warning=True), Finding("port", "c")]
    assert accepted(findings, []) == findings
    assert accepted(findings, ["os", "firewall"]) == [
        Finding("firewall", "a", warning=True),
        Finding("port", "c"),
    ]


_count = itertools.count()


def seen(name: str, ahead: float = 0.0, took: float = 0.2, machine_id: str = "") -> Seen:
    """A machine that was asked when the laptop's clock was at 1000 s."""
    answer = dataclasses.replace(
        FIT, name=name, clock=1000 + ahead, machine_id=machine_id or f"id {next(_count)}"
    )
    return Seen(answer, sent=1000.0, received=1000.0 + took)


def kinds(machines: dict[str, Seen], inventory: list[str] | None = None) -> dict[str, list[str]]:
    found = compare(machines, inventory or list(machines))
    return {name: [each.kind for each in findings] for name, findings in found.items()}


def test_machines_that_go_together() -> None:
    assert kinds({name: seen(name) for name in "abcd"}) == {}
    assert kinds({"a": seen("a")}) == {}
    assert kinds({}) == {}
    assert kinds({"a": seen("a", took=200.0), "b": seen("b", ahead=29)}) == {}


def test_a_clock_that_differs() -> None:
    machines = {"a": seen("a"), "b": seen("b"), "c": seen("c", ahead=-31)}
    assert kinds(machines) == {"c": ["clock"]}
    assert compare(machines, machines)["c"][0].sentence.startswith("its clock is 31 s behind the")
    ahead = compare({**machines, "c": seen("c", ahead=3600)}, machines)["c"][0]
    assert ahead.sentence.startswith("its clock is 3600 s ahead of the others: ")
    # Of two, nobody knows which is right.
    assert kinds({"a": seen("a"), "b": seen("b", ahead=3600)}) == {"a": ["clock"], "b": ["clock"]}


@pytest.mark.parametrize(
    ("ahead", "said"),
    [
        (-9 * 3600, "its clock is 32400 s behind this laptop's, by which certificates are made"),
        (400 * 86400, "its clock is 34560000 s ahead of this laptop's"),
    ],
)
def test_machines_that_are_wrong_together(ahead: float, said: str) -> None:
    machines = {name: seen(name, ahead=ahead, took=0.0) for name in "abc"}
    assert kinds(machines) == {name: ["clock"] for name in "abc"}
    finding = compare(machines, machines)["a"][0]
    assert finding.sentence.startswith(said)
    assert not finding.warning
    near = {name: seen(name, ahead=3500) for name in "abc"}
    assert kinds(near) == {}


def test_a_slow_answer_is_no_wrong_clock() -> None:
    """It was written at some time between question and receipt."""
    others = {name: seen(name) for name in "abc"}
    assert kinds({**others, "slow": seen("slow", ahead=100, took=100.0)}) == {}
    assert kinds({**others, "slow": seen("slow", ahead=200, took=100.0)}) == {"slow": ["clock"]}


def test_copied_machines() -> None:
    machines = {"a": seen("a", machine_id="1"), "b": seen("b", machine_id="1"), "c": seen("c")}
    assert kinds(machines) == {"a": ["machine-id"], "b": ["machine-id"]}
    assert "is also that of b, one is a copy" in compare(machines, machines)["a"][0].sentence
    none = compare({"a": seen("a", machine_id="uninitialized")}, ["a"])["a"][0]
    assert none.sentence.startswith("it has no machine-id: make a new one")


def test_a_card_of_the_default_route_that_is_the_same_everywhere() -> None:
    """As VirtualBox's first one is: eth1 of these."""
    machines = {name: seen(name) for name in "abc"}
    assert compare(machines, machines) == {}  # all of them say node_interface
    assert compare(machines, machines, "a") == {}  # whoever has it beside it
    found = compare(machines, machines, "ac")
    assert [[each.kind for each in found[name]] for name in "ac"] == [["card"], ["card"]]
    assert "goes over eth1, where it has 10.0.2.15 as c has" in found["a"][0].sentence
    assert set(found) == {"a", "c"}
    other = dataclasses.replace(machines["c"].answer, addresses={"10.0.2.15": "eth0"})
    machines["c"] = dataclasses.replace(machines["c"], answer=other)
    assert compare(machines, machines, "ac") == {}


def test_names() -> None:
    mixed_up = {"a": seen("b"), "b": seen("a")}
    assert kinds(mixed_up) == {"a": ["name"], "b": ["name"]}
    # Also when the other one is left out of this run.
    assert kinds({"a": seen("b")}, ["a", "b"]) == {"a": ["name"]}
    twice = compare({"a": seen("b"), "b": seen("b")}, ["a", "b"])
    assert list(twice) == ["a"]
    assert not twice["a"][0].warning
    fresh = compare({"a": seen("ubuntu"), "b": seen("ubuntu"), "c": seen("other")}, "abc")
    assert [fresh[name][0].warning for name in "ab"] == [True, True]
    assert list(fresh) == ["a", "b"]
