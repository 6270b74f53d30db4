"""The embedded lab on this machine: real hosts, real OpenSSH. Fails where it cannot run."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.lab.rig import (
    LABS,
    WITHIN,
    Lab,
    execute,
    in_namespaces,
    kill_group,
    parent,
    sysctls,
)

pytestmark = pytest.mark.e2e


def test_hosts_take_the_lab_user_with_sudo(lab: Lab) -> None:
    for host in ("a", "b"):
        assert lab.openssh(host).out == "lab\n"
        assert lab.does(host, "sudo -n id -un") == "root"
        assert lab.does(host, "hostname") == host
        # Else every sudo would wait for a resolver.
        assert lab.does(host, "getent hosts $(hostname)").split()[0].startswith("10.77.0.")


def test_the_host_is_a_whole_healthy_machine(lab: Lab) -> None:
    state = lab.does("a", "systemctl is-system-running --wait || systemctl --failed")
    assert state == "running"
    assert lab.does("a", "findmnt -no PROPAGATION /") == "shared"
    assert lab.does("a", "stat -fc %T /var/lib/containerd") != "overlayfs"
    lab.does("a", "cd /sys/fs/cgroup; cd memory 2>/dev/null || :; sudo mkdir t && sudo rmdir t")
    assert lab.does("a", "systemctl is-enabled containerd || :") == "masked"


def test_root_and_strangers_are_refused(lab: Lab, tmp_path: Path) -> None:
    refused = lab.openssh("a", user="root")
    assert refused.code == 255
    assert "Permission denied (publickey)" in refused.err
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / "k"], check=True
    )
    known = f"UserKnownHostsFile={lab.state / 'known_hosts'}"
    port = str(lab.hosts()["a"]["ssh_port"])
    argv = ["ssh", "-F", "none", "-p", port, "-i", str(tmp_path / "k"), "-o", "IdentitiesOnly=yes",
            "-o", "BatchMode=yes", "-o", known, "lab@127.0.0.1", "true"]  # fmt: skip
    assert "Permission denied (publickey)" in execute(argv, lab.environment).err


def test_each_host_has_a_key_of_its_own_and_no_other_is_taken(lab: Lab, tmp_path: Path) -> None:
    lines = (lab.state / "known_hosts").read_text().splitlines()
    where, kinds, keys = zip(*(line.split() for line in lines), strict=True)
    assert len(set(keys)) == len(set(where)) == 2
    assert set(kinds) == {"ssh-ed25519"}
    swapped = tmp_path / "known_hosts"
    swapped.write_text(f"{where[0]} {kinds[0]} {keys[1]}\n")
    refused = lab.openssh("a", "-o", f"UserKnownHostsFile={swapped}")
    assert refused.code == 255
    assert "REMOTE HOST IDENTIFICATION HAS CHANGED" in refused.err


def test_nothing_leads_out_and_that_is_told_at_once(lab: Lab) -> None:
    tried = lab.ssh("a", "curl -sS -m 20 http://192.0.2.77/")
    assert tried.code == 7, tried.err  # curl: failed to connect; 28 would be a timeout
    assert lab.ssh("a", "getent hosts whisklab.test").code == 2


def test_packages_install_without_a_network(lab: Lab) -> None:
    lab.does("a", "sudo apt-get install -qq --yes jq tree >/dev/null && tree --version")
    assert lab.does("a", "echo '{\"x\": [1, 2]}' | jq -c .x") == "[1,2]"
    assert lab.ssh("b", "which jq").code == 1  # another disk


def test_hosts_reach_one_another_and_forwards_lead_in(lab: Lab) -> None:
    lab.does("a", "ping -c 1 -W 5 b >/dev/null")
    serve = "socat TCP-LISTEN:6443,reuseaddr,fork SYSTEM:'echo hello'"
    lab.does("a", f"sudo systemd-run --quiet --unit=hello {serve}")
    assert (
        lab.does("b", "for i in $(seq 50); do socat -u TCP:a:6443 - && break; sleep 0.1; done")
        == "hello"
    )
    port = lab.hosts()["a"]["forwards"]["6443"]
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        assert connection.makefile().read() == "hello\n"
    lab.does("a", "sudo systemctl stop hello")


def test_settings_of_the_whole_machine_stay(lab: Lab) -> None:
    before = sysctls()
    lab.does("a", "sudo sysctl -w vm.overcommit_memory=1 kernel.panic=77 kernel.panic_on_oops=1")
    assert lab.does("a", "cat /proc/sys/kernel/panic") == "77"
    assert lab.does("b", "cat /proc/sys/kernel/panic") == before["kernel/panic"].strip()
    assert sysctls() == before


def test_a_second_up_changes_nothing(lab: Lab) -> None:
    before = (lab.processes(), (LABS / lab.name / "record.json").read_text(), lab.hosts())
    done = lab.run("up")
    assert "nothing to do" in done.out
    assert (lab.processes(), (LABS / lab.name / "record.json").read_text(), lab.hosts()) == before


def test_two_at_once_wait_for_one_another(lab: Lab) -> None:
    before = lab.processes()
    both = [lab.start("up"), lab.start("up")]
    for one in both:
        one.communicate(timeout=120)
        assert one.returncode == 0
    assert lab.processes() == before


def test_stop_keeps_disks_addresses_and_ports(lab: Lab) -> None:
    lab.does("b", "echo kept | sudo tee /etc/kept /var/lib/kubelet/kept && sync")
    before = lab.hosts()
    namespaces = lab.namespaces()
    lab.run("stop")
    assert not lab.processes()
    assert not in_namespaces(namespaces)
    left = {Path(trace).name for trace in lab.traces(namespaces)}
    assert left <= {lab.name, f"lab-{lab.name}.lock"}  # its directories and locks
    assert {host["state"] for host in lab.hosts().values()} == {"stopped"}
    lab.run("start")
    assert lab.hosts() == before
    assert lab.does("b", "cat /etc/kept /var/lib/kubelet/kept") == "kept\nkept"


def test_a_killed_host_is_brought_back_and_others_are_left_alone(lab: Lab) -> None:
    before = lab.processes()
    keeper = parent(before["a"])
    os.kill(keeper, signal.SIGSTOP)  # it does not notice at once, as on a busy machine
    os.kill(before["a"], signal.SIGKILL)
    up = lab.start("up")
    with pytest.raises(subprocess.TimeoutExpired):  # its sshd outlives it, and answers
        up.wait(4)
    os.kill(keeper, signal.SIGCONT)
    told = up.communicate(timeout=WITHIN)[1]
    assert up.returncode == 0, told
    assert "starting a" in told
    after = lab.processes()
    assert after["a"] != before["a"]
    assert after["b"] == before["b"]
    assert lab.does("a", "cat /proc/sys/kernel/panic") != "77"  # a fresh boot


def test_what_ran_in_a_killed_host_ends_with_it(lab: Lab) -> None:
    os.kill(lab.processes()["a"], signal.SIGKILL)
    wait_until(lambda: lab.hosts()["a"]["state"] == "stopped")
    assert lab.ssh("a", "true").code == 255
    lab.run("up")


def test_a_host_can_reboot_itself(lab: Lab) -> None:
    boot = lab.processes()
    lab.ssh("a", "sudo reboot")
    wait_until(lambda: lab.processes().get("a", boot["a"]) != boot["a"])
    wait_until(lambda: lab.ssh("a", "true").code == 0)
    lab.does("a", "ping -c 1 -W 5 b >/dev/null")
    assert lab.processes()["b"] == boot["b"]


def test_after_a_reboot_of_the_machine_the_disks_are_there(lab: Lab) -> None:
    """As far as it can be had without one: nothing runs and the record is of another boot."""
    lab.does("a", "echo kept | sudo tee /etc/kept && sync")
    before = lab.hosts()
    record = LABS / lab.name / "record.json"
    text = record.read_text()
    lab.run("stop")
    data = json.loads(text)  # with process ids that are not ours any more
    record.write_text(json.dumps({**data, "boot_id": "of another boot"}))
    assert {host["state"] for host in lab.hosts().values()} == {"stopped"}
    lab.run("up")
    assert lab.hosts() == before
    assert lab.does("a", "cat /etc/kept") == "kept"


def test_rebuild_gives_a_fresh_disk_and_nothing_else_changes(lab: Lab) -> None:
    lab.does("a", "echo old | sudo tee /etc/old")
    known = (lab.state / "known_hosts").read_text()
    before, processes = lab.hosts(), lab.processes()
    lab.run("rebuild", "a")
    assert lab.hosts() == before
    assert (lab.state / "known_hosts").read_text() == known
    assert lab.ssh("a", "test -e /etc/old").code == 1
    assert lab.processes()["b"] == processes["b"]
    assert "has no host 'z'" in lab.run("rebuild", "z", code=2).err


def test_adding_and_removing_a_host_leaves_the_others_alone(lab: Lab) -> None:
    before = lab.processes()
    lab.write("a", "b", "c")
    lab.run("up")
    assert lab.does("c", "hostname") == "c"
    assert {name: pid for name, pid in lab.processes().items() if name != "c"} == before
    lab.write("a", "b")
    assert "not in the topology, removed with --prune: c" in lab.run("up").out
    assert set(lab.processes()) == {"a", "b", "c"}
    lab.run("up", "--prune")
    assert lab.processes() == before
    assert not Path(disks(lab), "c").exists()


def test_a_moved_address_or_network_is_refused(lab: Lab) -> None:
    before = lab.processes()
    text = lab.topology.read_text()
    lab.topology.write_text(text.replace("b: {}", "b: {address: 10.77.0.50}"))
    assert "was made with the address 10.77.0.12" in lab.run("up", code=2).err
    lab.topology.write_text(f"network: 10.79.0.0/24\n{text}")
    assert "exists with another network" in lab.run("up", code=2).err
    lab.topology.write_text(text)
    assert lab.processes() == before


def test_a_lab_beside_another_with_the_same_addresses(
    lab: Lab, another: Callable[[str], Lab]
) -> None:
    before, processes = lab.hosts(), lab.processes()
    second = another("m")
    second.run("up")
    assert second.hosts()["a"]["address"] == before["a"]["address"]
    lab.does("a", "echo first | sudo tee /etc/which")
    second.does("a", "echo second | sudo tee /etc/which")
    assert (lab.does("a", "cat /etc/which"), second.does("a", "cat /etc/which")) == (
        "first",
        "second",
    )
    namespaces = second.namespaces()
    second.run("down")
    assert second.left(namespaces) == []
    assert (lab.hosts(), lab.processes()) == (before, processes)


@pytest.mark.parametrize("moment", range(6))
def test_after_a_crash_of_up_down_leaves_nothing(
    another: Callable[[str], Lab], moment: int
) -> None:
    """Killed at six moments between the first record and the last host's answer."""
    before = sysctls()
    crashed = another(f"k{moment}-")
    up = crashed.start("up")
    wait_until(lambda: (LABS / crashed.name).exists() or up.poll() is not None)
    time.sleep(moment * 0.1)
    kill_group(up)
    namespaces = crashed.namespaces()
    crashed.run("down")
    assert crashed.left(namespaces) == []
    assert sysctls() == before


def test_after_a_crash_of_up_another_up_makes_it_whole(another: Callable[[str], Lab]) -> None:
    crashed = another("w")
    up = crashed.start("up")
    wait_until(lambda: "a" in crashed.processes())
    kill_group(up)
    crashed.run("up")
    assert crashed.does("b", "hostname") == "b"
    assert set(crashed.processes()) == {"a", "b"}


def test_down_leaves_nothing_and_twice_is_once(another: Callable[[str], Lab]) -> None:
    gone = another("d")
    mounts = Path("/proc/mounts").read_text()
    settings = sysctls()
    gone.run("up")
    namespaces = gone.namespaces()
    assert len(namespaces) == 3
    assert len(gone.traces(namespaces)) > 10  # so that the emptiness below says something
    elsewhere = {**gone.environment, "XDG_STATE_HOME": str(gone.directory)}
    refused = execute(gone.command("down"), elsewhere)
    assert refused.code == 2
    assert "made with another XDG_STATE_HOME; set that, or remove the lab with --unk" in refused.err
    assert all(host["state"] == "up" for host in gone.hosts().values())
    gone.run("down")
    assert gone.left(namespaces) == []
    assert sysctls() == settings
    assert own(Path("/proc/mounts").read_text()) == own(mounts)
    assert "removed: nothing" in gone.run("down").out


def disks(lab: Lab) -> str:
    """The directory with the disks of a lab's hosts."""
    record = json.loads((LABS / lab.name / "record.json").read_text())
    return str(record["disks"])


def own(mounts: str) -> list[str]:
    """The mounts that are not of other labs, namespaces or tests, which come and go meanwhile."""
    shared = ("/run/netns/", "/var/lib/whisklab/store", "/pytest-of-")
    return sorted(line for line in mounts.splitlines() if not any(at in line for at in shared))


def wait_until(condition: Callable[[], bool]) -> None:
    """Wait for a condition; fails after a minute."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "waited a minute in vain"
        time.sleep(0.05)
