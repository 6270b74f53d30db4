"""The second run changes nothing; a disturbed platform is repaired, and only that."""

from __future__ import annotations

import json

import pytest

from tests.e2e.cluster.site import Site

COMMANDS_AT_MOST = 10  # with sudo, on one host, for all that is deployed now

pytestmark = pytest.mark.e2e


def test_the_second_run_changes_nothing(site: Site) -> None:
    site.converge()
    before = site.snapshots()
    assert site.converge() == set()
    assert site.snapshots() == before


def test_a_dry_run_on_a_converged_platform_lists_nothing(site: Site) -> None:
    before = site.snapshots()
    done = site.pyinfra(site.inventory, "--dry", "--json")
    assert done.code == 0, done.output
    plan = json.loads(done.stdout)["plan"]
    assert plan
    assert [each["name"] for each in plan if each["hosts_with_change"]] == []
    assert site.snapshots() == before


def test_a_run_that_changes_nothing_is_one_connection_and_few_commands(site: Site) -> None:
    """Counted by the hosts' own journals; our look at them is one connection, one command."""
    marks = {host: site.root(host, "journalctl -n 0 --show-cursor") for host in site.hosts}
    assert site.converge() == set()
    for host, mark in marks.items():
        cursor = mark.strip().rpartition("-- cursor: ")[2]
        lines = site.root(host, f"journalctl -o cat --after-cursor '{cursor}'").splitlines()
        assert len([line for line in lines if line.startswith("Accepted publickey")]) == 2
        assert len([line for line in lines if "COMMAND=" in line]) - 1 <= COMMANDS_AT_MOST, host


def test_a_file_a_service_and_a_label_are_repaired_and_nothing_else(site: Site) -> None:
    before = site.snapshots()
    site.root("storage", "echo '# edited' >> /etc/sysctl.d/90-whisklab.conf")
    site.root("worker1", "systemctl stop k3s-agent")
    site.kubectl("label", "node", "worker2", "openwhisk-role-", "somebody=else")
    assert site.converge() == {
        ("base | Kernel settings at each start", "storage"),
        ("k3s: service | Service k3s-agent", "worker1"),
        ("labels | Labels and taints of worker2", "master"),
    }
    after = site.snapshots()
    for host in site.hosts:
        assert before[host].changed_files(after[host]) == (
            {"/etc/sysctl.d/90-whisklab.conf"} if host == "storage" else set()
        )
        others = {name for name, process in before[host].services.items()
                  if after[host].services.get(name) != process}  # fmt: skip
        assert others == ({"k3s-agent.service"} if host == "worker1" else set())
    labels = next(
        n["metadata"]["labels"] for n in site.objects("nodes") if n["metadata"]["name"] == "worker2"
    )
    assert (labels["openwhisk-role"], labels["somebody"]) == ("invoker", "else")
    site.kubectl("label", "node", "worker2", "somebody-")
    assert site.converge() == set()


def test_an_edited_configuration_restarts_just_its_service(site: Site) -> None:
    before = site.snapshots()
    # Somebody edits it and restarts: the process now runs on the drifted file.
    site.root("worker2", "echo 'node-label: [by=hand]' >> /etc/rancher/k3s/config.yaml")
    site.root("worker2", "systemctl restart k3s-agent")
    assert site.converge() == {
        ("k3s: files | Configuration", "worker2"),
        ("k3s: service | Service k3s-agent", "worker2"),
    }
    after = site.snapshots()
    for host in site.hosts:
        assert before[host].changed_files(after[host]) == (
            {"/etc/rancher/k3s/config.yaml"} if host == "worker2" else set()
        )
    site.kubectl("label", "node", "worker2", "by-")
    assert site.converge() == set()


def test_a_restart_that_never_came_is_made_up_for(site: Site) -> None:
    """The file was put right by a run that died before it restarted the service."""
    config = "/etc/rancher/k3s/config.yaml"
    site.root("worker1", f"cp -p {config} /run/good && echo 'debug: true' >> {config}")
    site.root("worker1", "systemctl restart k3s-agent")
    site.root("worker1", f"cp -p /run/good {config}")
    assert site.converge() == {("k3s: service | Service k3s-agent", "worker1")}


def test_a_label_that_left_the_data_leaves_the_node(site: Site) -> None:
    data = site.directory / "group_data/workers.py"
    original = data.read_text()
    data.write_text(
        'node_labels = {"openwhisk-role": "invoker", "rack": "a"}\n'
        'node_taints = ["dedicated=test:PreferNoSchedule"]\n'
    )
    nodes = {("labels | Labels and taints of worker1", "master"),
             ("labels | Labels and taints of worker2", "master")}  # fmt: skip
    try:
        site.kubectl("label", "node", "worker1", "theirs=yes")
        assert site.converge() == nodes
        worker = site.objects("nodes", "-l", "rack=a,theirs=yes")
        assert [n["metadata"]["name"] for n in worker] == ["worker1"]
        assert [t["key"] for t in worker[0]["spec"]["taints"]] == ["dedicated"]
    finally:
        data.write_text(original)
    assert site.converge() == nodes
    assert site.objects("nodes", "-l", "rack") == []
    assert len(site.objects("nodes", "-l", "theirs=yes")) == 1
    assert not any("taints" in n["spec"] for n in site.objects("nodes"))
    site.kubectl("label", "node", "worker1", "theirs-")
