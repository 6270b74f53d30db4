"""Storage that every node mounts: it is really exported, really mounted, and stays so."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.cluster.site import Site
from tests.e2e.cluster.trial import TRIAL, append
from tests.e2e.cluster.waiting import until

pytestmark = pytest.mark.e2e

DATA = "/var/nfs/kubedata"
OURS = "/etc/exports.d/whisklab.exports"
MARK = ".whisklab-fsid"
MOUNT = "/mnt/whisklab-test"
EXPORTS = ("nfs | Exports", "storage")
MORE = """
nfs_exports = [
    {"path": "/var/nfs/kubedata"},
    {"path": "/var/nfs/more", "clients": ["cluster"], "options": ["ro", "no_subtree_check"]},
]
"""
BEHAVIOUR = Path(__file__).with_name("nfs_behaviour.py")


def nodes(site: Site) -> list[str]:
    return [host for host in site.hosts if host != "storage"]


def exported(site: Site) -> set[tuple[str, str]]:
    """What the server exports, as itself says: each path and client."""
    words = [line.split() for line in site.root("storage", "exportfs -s").splitlines()]
    return {(path, client.partition("(")[0]) for path, client in words}


def repaired(site: Site, environment: str) -> dict[str, list[str]]:
    """Apply just this capability; return what was changed and why."""
    done = site.whisklab("apply", environment, "--only", "nfs", "--json")
    assert done.code == 0, done.output
    return {each["operation"]: each["reasons"] for each in json.loads(done.stdout)["changes"]}


@contextmanager
def mounted(site: Site, host: str, options: str = "hard") -> Iterator[None]:
    """Have the export mounted on a node for a while."""
    try:
        site.root(host, f"mkdir -p {MOUNT} && mount -t nfs -o {options} storage:{DATA} {MOUNT}")
        yield
    finally:
        site.root(host, f"umount {MOUNT} && rmdir {MOUNT}")


def test_it_is_really_exported(site: Site) -> None:
    assert exported(site) == {(DATA, "*")}
    assert site.root("storage", f"stat -c %U:%G {DATA}").strip() == "nobody:nogroup"
    shown = site.root("storage", "showmount -e --no-headers localhost").split()
    assert shown == [DATA, "*"]
    assert site.root("storage", "systemctl is-enabled nfs-server").strip() == "enabled"
    for host in nodes(site):
        assert "install ok" in site.root(host, "dpkg-query -W -f '${Status}' nfs-common")


def test_what_one_node_writes_the_others_read(site: Site) -> None:
    first, *others = nodes(site)
    with mounted(site, first):
        site.root(first, f"echo from {first} > {MOUNT}/shared")
        lines = [f"from {first}"]
        for host in others:
            with mounted(site, host):
                assert site.root(host, f"cat {MOUNT}/shared").splitlines() == lines
                site.root(host, f"echo from {host} >> {MOUNT}/shared")
            lines.append(f"from {host}")
            assert site.root(first, f"cat {MOUNT}/shared").splitlines() == lines
        assert site.root("storage", f"cat {DATA}/shared").splitlines() == lines
        assert site.root("storage", f"stat -c %U {DATA}/shared").strip() == "root"
        site.root(first, f"rm {MOUNT}/shared")
    assert site.root("storage", f"ls -A {DATA}") == f"{MARK}\n"


def test_the_mount_is_a_file_system_for_programs(site: Site) -> None:
    with mounted(site, "worker1"):
        done = subprocess.run(
            [*site.ssh_command("worker1"), f"sudo python3 - {MOUNT}"],
            input=BEHAVIOUR.read_text(), capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
    met, _, total = done.stdout.strip().splitlines()[-1].partition(" of ")
    assert met == total.partition(" ")[0], done.stdout + done.stderr
    assert int(met) > 15


def test_options_of_a_mount_are_kept(site: Site) -> None:
    with mounted(site, "worker1"), mounted(site, "worker2", "ro,noexec"):
        site.root("worker1", f"printf '#!/bin/sh\\n' > {MOUNT}/run && chmod 755 {MOUNT}/run")
        site.root("worker1", f"{MOUNT}/run && test -w {MOUNT}")
        for command in (f"{MOUNT}/run", f"touch {MOUNT}/new"):
            assert site.root("worker2", f"{command} || echo refused").strip() == "refused"
        site.root("worker1", f"rm {MOUNT}/run")


def test_locks_hold_between_nodes(site: Site) -> None:
    with mounted(site, "worker1"), mounted(site, "worker2"):
        hold = f"systemd-run --quiet --collect --unit=holder flock {MOUNT}/lock sleep 600"
        taken = f"flock -n {MOUNT}/lock true && echo free || echo taken"
        site.root("worker1", hold)
        until("worker1 has the lock", lambda: site.root("worker2", taken).strip() == "taken")
        site.root("worker1", "systemctl stop holder")
        until("the lock is free", lambda: site.root("worker2", taken).strip() == "free")
        site.root("worker1", f"rm {MOUNT}/lock")


def test_a_lost_line_is_planned_and_repaired_and_nothing_else(site: Site) -> None:
    before = site.snapshots()
    site.root("storage", f"echo keep > {DATA}/keep; sed -i /kubedata/d {OURS}; exportfs -ra")
    plan = site.whisklab("plan", site.name, "--json")
    assert plan.code == 3, plan.output
    changes = json.loads(plan.stdout)["changes"]
    assert [(each["operation"], each["host"]) for each in changes] == [EXPORTS]
    lacks = f"{OURS} lacks the line {DATA} *(rw,sync,no_subtree_check,no_root_squash,no_all_squash,"
    assert changes[0]["reasons"][0].startswith(f"{lacks}fsid=")
    assert changes[0]["reasons"][1:] == [f"{DATA} is not exported to *"]
    assert site.converge() == {EXPORTS}
    assert exported(site) == {(DATA, "*")}
    with mounted(site, "worker1"):
        assert site.root("worker1", f"cat {MOUNT}/keep && touch {MOUNT}/keep") == "keep\n"
    site.root("storage", f"rm {DATA}/keep")
    after = site.snapshots()
    for host in site.hosts:
        assert before[host].services == after[host].services
        changed = before[host].changed_files(after[host])
        assert changed <= ({OURS} if host == "storage" else set())


def test_data_on_another_disk_are_the_same_to_who_has_them_mounted(site: Site) -> None:
    """The export has an id of its own, the disk's does not matter."""
    with mounted(site, "worker1"):
        site.root("worker1", f"echo moved > {MOUNT}/moved")
        copied = (
            f"cp -a {DATA} /run/copy && mount -t tmpfs tmpfs {DATA} && cp -a /run/copy/. {DATA}"
        )
        site.root("storage", f"{copied} && rm -r /run/copy && exportfs -f")
        try:
            assert site.root("worker1", f"cat {MOUNT}/moved") == "moved\n"
            assert site.root("storage", f"stat -f -c %T {DATA}").strip() == "tmpfs"
        finally:
            # The server lets go of files a moment after nothing is exported.
            free = f"for i in $(seq 600); do umount {DATA} 2>/dev/null && break; sleep 0.1; done"
            site.root("storage", f"exportfs -ua && {free}; ! mountpoint -q {DATA} && exportfs -a")
        site.root("worker1", f"rm {MOUNT}/moved")
    assert repaired(site, site.name) == {}


def test_an_export_that_left_the_data_is_unexported_and_its_files_stay(trial: Site) -> None:
    site = trial
    append(site, "group_data/{env}.py", MORE)
    assert set(repaired(site, TRIAL)) == {"nfs | Export directories", "nfs | Exports"}
    addresses = {host["name"]: host["address"] for host in site.lab["hosts"]}
    clients = {("/var/nfs/more", addresses[node]) for node in nodes(site)}
    assert exported(site) == {(DATA, "*"), *clients}
    site.root("storage", "echo kept > /var/nfs/more/file")
    assert set(repaired(site, site.name)) == {"nfs | Exports"}
    assert exported(site) == {(DATA, "*")}
    assert site.root("storage", "cat /var/nfs/more/file && rm -r /var/nfs/more") == "kept\n"


def test_without_a_server_a_soft_mount_fails_and_does_not_hang(site: Site) -> None:
    with mounted(site, "worker1", "soft,timeo=10,retrans=1"):
        site.root("storage", "systemctl stop nfs-server")
        try:
            tried = site.root("worker1", f"timeout 60 cat {MOUNT}/none 2>&1; echo $?")
            assert "Input/output error" in tried
        finally:
            site.root("storage", "systemctl start nfs-server")
        assert site.root("worker1", f"touch {MOUNT}/again && rm {MOUNT}/again; echo $?") == "0\n"
    assert site.converge() == set()
