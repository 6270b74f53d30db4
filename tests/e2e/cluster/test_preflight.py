"""Every preflight finding is produced for real, and with one finding nothing is changed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.e2e.cluster import faults
from tests.e2e.cluster.site import Run, Site
from tests.e2e.cluster.trial import TRIAL, append, judge

pytestmark = pytest.mark.e2e

UNAME = "#!/bin/sh\necho storage riscv64\n"  # as -n and -m answer

DRIFT = "/etc/sysctl.d/90-whisklab.conf"  # on every host, and repaired by `base`
ELSEWHERE = "10.77.0.214"  # in the lab's network, on no host
SAID = re.compile(r"^\s*\[(?P<host>\S+)\]\s+(?P<kind>[a-z_-]+): (?P<sentence>.+)$", re.MULTILINE)


def drift(site: Site) -> None:
    """Have something on each host that a run would change."""
    for host in site.hosts:
        site.root(host, f"echo '# edited' >> {DRIFT}")


@pytest.fixture(scope="class")
def drifted(site: Site) -> Iterator[Site]:
    """Each host has something that a run would change; it is repaired at the end."""
    drift(site)
    yield site
    site.converge()


def said(done: Run) -> dict[tuple[str, str], str]:
    """Return what was said of (host, kind)."""
    return {(m["host"], m["kind"]): m["sentence"] for m in SAID.finditer(done.output)}


def drift_is_there(site: Site) -> bool:
    return all("# edited" in site.root(host, f"cat {DRIFT}") for host in site.hosts)


@pytest.mark.usefixtures("drifted")
class TestAFindingStopsTheRun:
    """And so what has drifted stays."""

    def test_all_findings_of_all_hosts_are_reported_at_once(self, trial: Site) -> None:
        site, inventory = trial, f"inventories/{TRIAL}.py"
        append(
            site,
            "inventories/{env}.py",
            "masters[0][1].update(preflight_min_cpus=4096, preflight_min_memory_mb=10**9,\n"
            "                     preflight_min_disk_mb=10**9)\n"
            "for _group in (storage, registry):\n"
            f"    _group[0][1]['node_address'] = {ELSEWHERE!r}\n"
            # Its program is asked for by architecture, and that there is none ends the run at once.
            "    _group[0][1]['registry_enabled'] = False\n",
        )
        worker2_id = site.root("worker2", "cat /etc/machine-id")
        with ExitStack() as stack:
            for each in (
                faults.covered(site, "worker1", "/etc/machine-id", worker2_id),
                faults.fault(site, "worker1", "hostname worker2", "hostname worker1"),
                faults.clock_ahead(site, "worker1", "+1 hour"),
                faults.port_taken(site, "worker1", 10250, "k3s-agent"),
                faults.without_default_route(site, "worker2"),
                faults.without_memory_cgroup(site, "worker2"),
                faults.covered(site, "worker2", "/proc/filesystems", "nodev\tproc\n"),
                faults.fault(site, "worker2", "mount -t tmpfs none /proc/sys/net/bridge",
                             "umount /proc/sys/net/bridge"),
                faults.covered(site, "storage", "/proc/1/comm", "init\n"),
                faults.covered(site, "storage", "/usr/bin/uname", UNAME),
                faults.covered(site, "storage", "/usr/bin/ss", "", mode="644"),
                faults.without_forwarding(site, "storage"),
                # The last, so that as little as possible of the cluster is cut off by it.
                faults.fault(site, "worker2", faults.NFT_DROP, faults.NFT_MEND),
            ):  # fmt: skip
                stack.enter_context(each)
            before = site.snapshots()
            done = site.pyinfra(inventory, "-y")
            dry = site.pyinfra(inventory, "--dry")
            after = site.snapshots()
        judge(done, 1, "No hosts remaining")
        found = said(done)
        for key, part in {
            ("worker1", "machine-id"): "also that of worker2, one is a copy",
            ("worker2", "machine-id"): "also that of worker1, one is a copy",
            ("worker1", "name"): "calls itself worker2, as another machine",
            ("worker1", "clock"): " s ahead of the others: set it",
            ("worker1", "port"): "port 10250, which k3s-agent needs, is taken by socat",
            ("worker2", "firewall"): "nftables, table fault): turn it off, or let in 10250/tcp",
            ("worker2", "route"): "no default route for IPv4",
            ("worker2", "memory-cgroup"): "cgroup_enable=memory",
            ("worker2", "overlay"): "no overlay file system",
            ("worker2", "br_netfilter"): "no br_netfilter",
            ("storage", "systemd"): "process 1 is init, not systemd",
            ("storage", "architecture"): "its processor is riscv64",
            ("storage", "tools"): "the program ss is missing",
            ("storage", "forwarding"): "AllowTcpForwarding yes",
            ("storage", "address"): f"{ELSEWHERE} is not on it, there are 10.77.0.14",
            ("storage", "moved"): f"was 10.77.0.14 and is now {ELSEWHERE}",
            ("master", "cpus"): "4096 are needed",
            ("master", "memory"): "MB of memory, 1000000000 are needed",
            ("master", "disk"): "are free for /var/lib, 1000000000 are needed",
            **{(host, "reach"): f"cannot reach storage at {ELSEWHERE}"
               for host in site.hosts if host != "storage"},
        }.items():  # fmt: skip
            assert part in found.pop(key), done.output
        assert found == {}
        assert after == before
        # A dry run tells the same, and changes as little.
        assert dry.code == 0
        assert set(said(dry)) == set(said(done))

    def test_one_finding_of_one_host_stops_all(self, drifted: Site) -> None:
        with faults.clock_ahead(drifted, "storage", "+1 minute"):
            before = drifted.snapshots()
            done = drifted.pyinfra(drifted.inventory, "-y")
            assert drifted.snapshots() == before
        judge(done, 1, "stopped here, because of storage")
        assert set(said(done)) == {("storage", "clock")}
        assert drift_is_there(drifted)

    def test_a_machine_that_others_cannot_reach(self, drifted: Site) -> None:
        """The one that drops the packets does not know, the other tells."""
        address = {host["name"]: host["address"] for host in drifted.lab["hosts"]}["worker1"]
        # Not a rule of a firewall: the lab's storage host may have a kernel without any.
        nowhere = f"blackhole {address}"
        with faults.fault(drifted, "storage", f"ip route add {nowhere}", f"ip route del {nowhere}"):
            done = drifted.pyinfra(drifted.inventory, "-y")
        judge(done, 1, "stopped here, because of ")
        assert (
            {("worker1", "reach"), ("storage", "reach")}
            >= set(said(done))
            >= {("worker1", "reach")}
        ), done.output
        assert "cannot reach storage at" in said(done)["worker1", "reach"]
        assert drift_is_there(drifted)


def test_a_firewall_stops_until_it_is_accepted(trial: Site) -> None:
    """`iptables -P INPUT DROP`, on a node and, as far as iptables tells, on the storage host."""
    inventory = f"inventories/{TRIAL}.py"
    says = "#!/bin/sh\necho '-P INPUT DROP'\n"  # the kernel of the lab's may know no firewall
    with (
        faults.fault(trial, "worker2", faults.IPTABLES_DROP, faults.IPTABLES_MEND),
        faults.covered(trial, "storage", "/usr/sbin/iptables", says),
    ):
        refused = trial.pyinfra(inventory, "-y")
        append(trial, "group_data/{env}.py", "preflight_accept = ['firewall']\n")
        taken = trial.pyinfra(inventory, "-y", "--limit", "worker2")
    judge(refused, 1, "stopped here, because of ")
    assert set(said(refused)) == {("worker2", "firewall"), ("storage", "firewall")}
    assert "let in 2049/tcp (NFS), 111/tcp" in said(refused)["storage", "firewall"]
    assert (
        "(iptables): turn it off, or let in 10250/tcp (kubelet, from all nodes), 8472/udp"
        in (said(refused)["worker2", "firewall"])
    )
    judge(taken, 0)
    assert set(said(taken)) == {("worker2", "firewall")}


def test_fresh_machines_of_one_name_are_only_a_warning(site: Site) -> None:
    with ExitStack() as stack:
        for host in ("worker2", "storage"):
            stack.enter_context(faults.fault(site, host, "hostname ubuntu", f"hostname {host}"))
        done = site.pyinfra(site.inventory, "-y", "--json")
    assert "is called ubuntu as storage still is" in said(done)["worker2", "name"]
    assert set(said(done)) == {("worker2", "name"), ("storage", "name")}
    assert done.changes() == {("base | Host name", "worker2"), ("base | Host name", "storage")}
