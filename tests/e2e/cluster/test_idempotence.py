"""The second run changes nothing; what is missing is made up for, and only that."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.e2e import bases
from tests.e2e.cluster.mutations import Mutation, alone, drawn, left_out, make, state
from tests.e2e.cluster.site import Site
from tests.e2e.killed.points import noted

COUNT = 30  # changes of hosts, made all at once

pytestmark = pytest.mark.e2e


def test_a_second_run_and_a_dry_run_change_nothing(site: Site) -> None:
    """And a run is one connection, one shell and one lock, counted by the hosts' own journals."""
    before = site.snapshots()
    marks = {host: site.root(host, "journalctl -n 0 --show-cursor") for host in site.hosts}
    assert site.converge() == set()
    for host, mark in marks.items():  # our look at them is one connection, one command
        cursor = mark.strip().rpartition("-- cursor: ")[2]
        written = f"journalctl --sync; journalctl -o cat --after-cursor '{cursor}'"
        lines = site.root(host, written).splitlines()
        assert len([line for line in lines if line.startswith("Accepted publickey")]) == 2
        assert len([line for line in lines if "COMMAND=" in line]) - 1 == 2, host
    done = site.pyinfra(site.inventory, "--dry", "--json")
    assert done.code == 0, done.output
    plan = json.loads(done.stdout)["plan"]
    assert plan
    assert [each["name"] for each in plan if each["hosts_with_change"]] == []
    assert site.snapshots() == before


def commands(site: Site, point: str) -> dict[str, list[str]]:
    """What each host is given by a run that changes nothing."""
    notes = site.directory / f"{site.name}{point}.notes"
    argv = ("-m", "tests.e2e.killed.driver", str(notes), point, "apply", site.name)
    done = site.run(".venv/bin/python", *argv)
    assert done.code == 0, done.output
    assert "nothing had to be changed" in done.output
    given = noted(notes)
    assert [each for each in given if each.changes] == []
    return {host: [each.text for each in given if each.host == host] for host in site.hosts}


def test_a_second_run_gives_each_host_its_lock_and_one_command(site: Site) -> None:
    for host, texts in commands(site, "-").items():
        assert [("run.lock" in text, "reach()" in text) for text in texts] == [
            (True, False), (False, True)], (host, texts)  # fmt: skip


def test_a_run_that_knows_of_no_other_is_slower_and_as_right(site: Site) -> None:
    for host, texts in commands(site, "").items():
        assert len([text for text in texts if "reach()" in text]) == 1, host
        assert len(texts) > 2, host


def mended(site: Site, chosen: Sequence[Mutation]) -> None:
    """Make these changes: a plan names each, one run puts all back and restarts what must."""
    before, looked = state(site), site.snapshots()
    make(site, chosen)
    plan = site.whisklab("plan", site.name, "--json")
    assert plan.code == 3, plan.output
    found = json.loads(plan.stdout)
    assert not found["errors"]
    named = {(each["host"], each["operation"]) for each in found["changes"]}
    assert [str(each) for each in chosen if (each.host, each.operation) not in named] == []
    done = site.whisklab("apply", site.name)
    assert done.code == 0, done.output
    assert site.whisklab("plan", site.name).code == 0
    assert state(site) ^ before == set()
    restarted = {(each.host, unit) for each in chosen for unit in each.restarts}
    for host, after in site.snapshots().items():
        for unit in ("k3s.service", "k3s-agent.service", "containerd.service"):
            kept = looked[host].services.get(unit) == after.services.get(unit)
            assert kept or (host, unit) in restarted, f"{unit} of {host} was restarted"


def test_what_is_drawn_of_the_hosts_is_named_and_put_back_at_once(
    site: Site, record_property: Callable[[str, object], None]
) -> None:
    assert left_out(bases.ready("platform").output) == set()
    seed = int(os.environ.get("SEED") or secrets.randbelow(100000))
    chosen = drawn(seed, COUNT)
    said = f"hosts: seed {seed}: {', '.join(map(str, chosen))}"
    record_property("said", said)
    print(said)
    mended(site, chosen)


@pytest.mark.soak
@pytest.mark.parametrize("chosen", alone(), ids=lambda chosen: ", ".join(map(str, chosen)))
def test_each_change_alone_on_its_host(site: Site, chosen: list[Mutation]) -> None:
    mended(site, chosen)


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


def test_a_worker_made_anew_joins_in_its_turn(site: Site) -> None:
    """With fresh disks it has another password than the cluster knows by its name.

    The run waits until the node of before is Ready no more, most of a minute.
    """
    before = site.snapshots()
    uid = site.objects("nodes", "-l", "kubernetes.io/hostname=worker2")[0]["metadata"]["uid"]
    done = site.whisklab("rebuild", site.name, "worker2")
    assert done.code == 0, done.output
    changes = site.converge()
    # Of the others only the leader has waited, and labelled the node.
    assert {change for change in changes if change[1] != "worker2"} <= {
        ("k3s: cluster | All nodes are Ready", "master"),
        ("k3s: cluster | What k3s brings itself", "master"),
        ("labels | Labels and taints of worker2", "master"),
        ("provisioner | Release openwhisk-nfs", "master"),
    }
    assert ("k3s: service | No other machine of this name", "worker2") in changes
    after = site.snapshots()
    for host in ("master", "worker1", "storage"):
        assert before[host].services == after[host].services
    node = site.objects("nodes", "-l", "openwhisk-role=invoker,kubernetes.io/hostname=worker2")[0]
    assert node["metadata"]["uid"] != uid
    conditions = {c["type"]: c["status"] for c in node["status"]["conditions"]}
    assert conditions["Ready"] == "True"
    assert site.converge() == set()


def test_names_are_there_after_cloud_init_has_written_hosts_anew(site: Site) -> None:
    """As it does at each start with `manage_etc_hosts`; of its template."""
    host, template = "worker1", "/etc/cloud/templates/hosts.debian.tmpl"
    says = f"# a.) make changes to the master file in {template}"
    before = site.root(host, "cat /etc/hosts")
    site.root(
        host,
        f"sed -i '1i {says}' /etc/hosts; mkdir -p {Path(template).parent}; "
        f"printf '## template:jinja\\n{says}\\n127.0.0.1 localhost\\n' > {template}",
    )
    assert site.converge() == {
        ("base | Names of all machines in what cloud-init makes /etc/hosts of", host)
    }
    site.root(host, f"sed 1d {template} > /etc/hosts")
    assert "worker2" in site.root(host, "getent hosts worker2")
    assert site.converge() == set()
    site.root(host, f"rm {template}; cat > /etc/hosts << 'END'\n{before}END")


def test_a_new_worker_leaves_the_others_alone(site: Site) -> None:
    """The last test of this lab, which has one machine more then."""
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
