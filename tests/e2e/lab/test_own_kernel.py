"""A host with a kernel of its own, and what the others mount from it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.lab.rig import LABS, Lab, in_namespaces
from tests.e2e.lab.test_lab import wait_until
from tests.e2e.turns import first_up

pytestmark = pytest.mark.e2e

EXPORT = "/var/nfs/data *(rw,sync,no_subtree_check,no_root_squash)"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """An ordinary host `a` and a storage host `s` with its own kernel, with nothing installed."""
    made = Lab(f"u{os.getpid()}", tmp_path_factory.mktemp("pair"))
    made.topology.write_text(
        "catalogue: upstream\ninternet: false\n"
        "hosts:\n  a: {}\n  s: {groups: [storage], kernel: uml}\n"
    )
    with first_up():
        made.run("up")
    yield made
    namespaces = made.namespaces()
    assert made.traces(namespaces)
    made.end()
    assert made.left(namespaces) == []


def test_it_is_a_whole_healthy_machine_with_another_kernel(pair: Lab) -> None:
    assert pair.does("s", "uname -r") != os.uname().release
    assert pair.does("s", "hostname") == "s"
    assert pair.does("s", "sudo -n id -un") == "root"
    assert pair.does("s", "systemctl is-system-running --wait || systemctl --failed") == "running"
    assert pair.openssh("s").out == "lab\n"
    refused = pair.openssh("s", user="root")
    assert "Permission denied (publickey)" in refused.err
    for here, there in (("a", "s"), ("s", "a")):
        pair.does(here, f"ping -c 1 -W 5 {there} >/dev/null")
    assert pair.hosts()["s"]["state"] == "up"


def test_nodes_mount_what_it_exports(pair: Lab) -> None:
    apt = (
        "sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qq --yes --no-install-recommends"
    )
    pair.does("s", f"{apt} nfs-kernel-server >/dev/null 2>&1")
    pair.does("s", f"sudo mkdir -p /var/nfs/data && echo '{EXPORT}' | sudo tee /etc/exports")
    pair.does("s", "sudo exportfs -ra && echo from s | sudo tee /var/nfs/data/file")
    assert pair.ssh("a", "sudo mount -t nfs s:/var/nfs/data /mnt").code != 0  # no nfs-common yet
    pair.does("a", f"{apt} nfs-common >/dev/null 2>&1")
    assert pair.does("a", "systemctl --failed --no-legend") == ""
    pair.does("a", "sudo mount -t nfs s:/var/nfs/data /mnt")
    assert pair.does("a", "cat /mnt/file") == "from s"
    pair.does("a", "echo from a | sudo tee /mnt/file")
    assert pair.does("s", "cat /var/nfs/data/file") == "from a"


def test_a_mount_outlives_a_reboot_of_the_server(pair: Lab) -> None:
    boot = "cat /proc/sys/kernel/random/boot_id"
    before, processes = pair.does("s", boot), pair.processes()
    pair.ssh("s", "sudo reboot")
    wait_until(lambda: pair.processes().get("s", processes["s"]) != processes["s"])
    pair.does("a", "echo after | sudo tee /mnt/file")  # waits for the server
    wait_until(lambda: pair.ssh("s", "true").code == 0)
    assert pair.does("s", boot) != before
    assert pair.does("s", "cat /var/nfs/data/file") == "after"
    assert pair.processes()["a"] == processes["a"]
    pair.does("a", "sudo umount /mnt")


def test_it_stops_clean_and_starts_with_its_disk(pair: Lab) -> None:
    pair.does("s", "echo kept | sudo tee /etc/kept")  # no sync: it is powered off, not killed
    before, namespaces = pair.hosts(), pair.namespaces()
    pair.run("stop")
    assert not pair.processes()
    assert not in_namespaces(namespaces)
    left = {Path(trace).name for trace in pair.traces(namespaces)}
    assert left <= {pair.name, f"lab-{pair.name}.lock"}
    pair.run("start")
    assert pair.hosts() == before
    assert pair.does("s", "cat /etc/kept") == "kept"


def test_killed_it_is_brought_back(pair: Lab) -> None:
    before = pair.processes()
    os.kill(before["s"], signal.SIGKILL)
    pair.run("up")
    after = pair.processes()
    assert (after["a"], after["s"] != before["s"]) == (before["a"], True)
    assert pair.does("s", "cat /etc/kept") == "kept"


def test_rebuilt_it_has_a_fresh_disk_and_the_same_key(pair: Lab) -> None:
    before, known = pair.hosts(), (pair.state / "known_hosts").read_text()
    pair.run("rebuild", "s")
    assert pair.hosts() == before
    assert (pair.state / "known_hosts").read_text() == known
    assert pair.ssh("s", "test -e /etc/kept").code == 1
    record = json.loads((LABS / pair.name / "record.json").read_text())
    assert {name: host["machine"]["kernel"] for name, host in record["hosts"].items()} == {
        "a": "shared",
        "s": "uml",
    }
