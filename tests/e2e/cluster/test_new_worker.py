"""A worker is added to the topology: only it and what must know it change."""

from __future__ import annotations

import pytest

from tests.e2e.cluster.site import Site

pytestmark = pytest.mark.e2e


def test_a_new_worker_leaves_the_others_alone(site: Site) -> None:
    old = site.hosts
    before = site.snapshots()
    topology = site.directory / f"inventories/{site.name}.yaml"
    topology.write_text(topology.read_text() + "  worker3: {groups: [workers]}\n")
    up = site.whisklab("up", site.name)
    assert up.code == 0, up.output
    changes = site.converge()
    after = site.snapshots()
    # Whether the leader had to wait for the new node is a matter of milliseconds.
    waited = {("k3s: cluster | All nodes are Ready", "master")}
    assert {change for change in changes if change[1] in old} - waited == {
        *(("base | Names of all machines in /etc/hosts", host) for host in old),
        ("labels | Labels and taints of worker3", "master"),
    }
    for host in old:
        assert before[host].services == after[host].services
        assert before[host].changed_files(after[host]) == {"/etc/hosts"}
    worker = site.objects("nodes", "-l", "openwhisk-role=invoker,kubernetes.io/hostname=worker3")
    conditions = {c["type"]: c["status"] for c in worker[0]["status"]["conditions"]}
    assert conditions["Ready"] == "True"
    assert site.converge() == set()
