"""The second run changes nothing; what is to be restarted or unlabelled is."""

from __future__ import annotations

import json

import pytest

from tests.e2e.cluster.site import Site

COMMANDS_AT_MOST = 10  # with sudo, on one host, for all that is deployed now

pytestmark = pytest.mark.e2e


def test_a_second_run_and_a_dry_run_change_nothing(site: Site) -> None:
    """And a run is one connection and few commands, counted by the hosts' own journals."""
    before = site.snapshots()
    marks = {host: site.root(host, "journalctl -n 0 --show-cursor") for host in site.hosts}
    assert site.converge() == set()
    for host, mark in marks.items():  # our look at them is one connection, one command
        cursor = mark.strip().rpartition("-- cursor: ")[2]
        lines = site.root(host, f"journalctl -o cat --after-cursor '{cursor}'").splitlines()
        assert len([line for line in lines if line.startswith("Accepted publickey")]) == 2
        assert len([line for line in lines if "COMMAND=" in line]) - 1 <= COMMANDS_AT_MOST, host
    done = site.pyinfra(site.inventory, "--dry", "--json")
    assert done.code == 0, done.output
    plan = json.loads(done.stdout)["plan"]
    assert plan
    assert [each["name"] for each in plan if each["hosts_with_change"]] == []
    assert site.snapshots() == before


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
