"""`whisklab plan` says exactly what `whisklab apply` then does; exit codes are honest."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from tests.e2e import bases, running
from tests.e2e.cluster.site import Run, Site, Snapshot

pytestmark = pytest.mark.e2e

SYSCTL = "/etc/sysctl.d/90-whisklab.conf"
CONFIG = "/etc/rancher/k3s/config.yaml"
Seen = Mapping[str, Snapshot]


def listed(done: Run, code: int) -> dict[tuple[str, str], dict[str, Any]]:
    """Return (operation, host) to change, of a run with --json that must end with `code`."""
    found = json.loads(done.stdout)
    assert (done.code, found["code"]) == (code, code), done.output
    assert found["errors"] == []
    return {(each["operation"], each["host"]): each for each in found["changes"]}


def plan(site: Site, code: int) -> dict[tuple[str, str], dict[str, Any]]:
    return listed(site.whisklab("plan", site.name, "--json"), code)


def apply(site: Site) -> dict[tuple[str, str], dict[str, Any]]:
    return listed(site.whisklab("apply", site.name, "--json"), 0)


def restarted(before: Seen, after: Seen) -> set[tuple[str, str]]:
    """Return (host, service) that does not run as before."""
    return {(host, name) for host, then in before.items() for name, process in then.services.items()
            if after[host].services.get(name) != process}  # fmt: skip


def changed_files(before: Seen, after: Seen, but: str) -> set[tuple[str, str]]:
    """Return (host, path) of all files that changed on all hosts but one."""
    return {(host, path) for host, then in before.items() if host != but
            for path in then.changed_files(after[host])}  # fmt: skip


FILES = ("inventories/{}.py", "group_data/{}.py", "inventories/{}.yaml")
TWO_HOSTS = """
provider: nspawn
network: 10.77.0.0/24
user: lab
hosts:
  master: {groups: [masters]}
  worker1: {groups: [workers]}
"""


@pytest.fixture
def bare(site: Site) -> Iterator[Site]:
    """Two bare hosts beside the lab, in an environment of their own."""
    other = Site(site.directory, f"bare-{os.getpid()}")
    for file in FILES:
        source = (site.directory / file.format(site.name)).read_text()
        text = TWO_HOSTS if file.endswith(".yaml") else source
        (site.directory / file.format(other.name)).write_text(text)
    other.environment = site.environment
    with running.noted(other.name, bases.STATE):
        assert other.whisklab("up", other.name).code == 0
        yield other
        assert other.whisklab("down", other.name).code == 0
    for file in FILES:
        (site.directory / file.format(other.name)).unlink()


def test_a_plan_of_bare_hosts_lists_the_whole_work(bare: Site) -> None:
    before = bare.snapshots()
    found = plan(bare, 3)
    assert bare.snapshots() == before
    for host in ("master", "worker1"):
        assert found["k3s: files | k3s binary", host]["reasons"]
        assert found["base | Packages", host]["reasons"] == ["not installed: conntrack, jq"]
    for name in ("master", "worker1"):
        label = found[f"labels | Labels and taints of {name}", "master"]
        assert label["unknown"]
        assert label["reasons"] == ["unknown until the API answers"]


def test_a_plan_of_a_converged_platform_is_empty(site: Site) -> None:
    before = site.snapshots()
    assert plan(site, 0) == {}
    assert "nothing to change" in site.whisklab("plan", site.name).output
    assert site.snapshots() == before


def test_exactly_what_was_disturbed_is_planned_and_repaired(site: Site) -> None:
    before = site.snapshots()
    site.root("storage", f"echo '# edited' >> {SYSCTL}")
    site.root("worker1", "systemctl stop k3s-agent")
    site.root("worker2", "DEBIAN_FRONTEND=noninteractive apt-get -qq remove jq")
    site.kubectl("label", "node", "worker2", "openwhisk-role-", "somebody=else")
    expected = {
        ("base | Kernel settings at each start", "storage"),
        ("k3s: service | Service k3s-agent", "worker1"),
        ("base | Packages", "worker2"),
        ("labels | Labels and taints of worker2", "master"),
    }
    waiting = {("k3s: cluster | All nodes are Ready", "master")}  # worker1, once it is missed
    found = plan(site, 3)
    assert set(found) - waiting == expected
    assert found["base | Packages", "worker2"]["reasons"] == ["not installed: jq"]
    assert found["labels | Labels and taints of worker2", "master"]["reasons"] == [
        "label openwhisk-role is not invoker"
    ]
    assert set(apply(site)) - waiting == expected
    after = site.snapshots()
    assert restarted(before, after) == {("worker1", "k3s-agent.service")}
    assert changed_files(before, after, but="worker2") == {("storage", SYSCTL)}
    (worker,) = site.objects("nodes", "-l", "somebody=else")
    assert worker["metadata"]["labels"]["openwhisk-role"] == "invoker"
    site.kubectl("label", "node", "worker2", "somebody-")
    assert plan(site, 0) == {}


def test_with_the_master_s_k3s_stopped_the_rest_is_unknown(site: Site) -> None:
    site.root("master", "systemctl stop k3s")
    found = plan(site, 3)
    known = {key for key, change in found.items() if not change["unknown"]}
    assert known == {("k3s: service | Service k3s", "master")}
    assert {key[0] for key, change in found.items() if change["unknown"]} == {
        "k3s: cluster | All nodes are Ready",
        "k3s: cluster | What k3s brings itself",
        *(f"labels | Labels and taints of {n}" for n in site.hosts if n != "storage"),
        "provisioner | Release openwhisk-nfs",
        "provisioner | Default storage class",
        "openwhisk | Release owdev",  # whether it is there, as it should not be here
    }
    assert ("k3s: service | Service k3s", "master") in apply(site)
    assert plan(site, 0) == {}


def test_a_restart_is_announced_and_a_diff_shows_no_secret(site: Site) -> None:
    token = (site.directory / f".secrets/{site.name}/k3s_token").read_text().strip()
    before = site.snapshots()
    # Somebody edits it and restarts: the process now runs on the drifted file.
    site.root("worker1", f"echo 'node-label: [by=hand]' >> {CONFIG}")
    site.root("worker1", "systemctl restart k3s-agent")
    site.root("worker2", "echo leaked > /etc/rancher/k3s/cluster-token")
    done = site.whisklab("plan", site.name, "--diff", "--json")
    found = listed(done, 3)
    assert found["k3s: service | Service k3s-agent", "worker1"]["restarts"] == ["k3s-agent"]
    assert "-node-label: [by=hand]" in found["k3s: files | Configuration", "worker1"]["diff"]
    assert found["k3s: files | Cluster token", "worker2"]["diff"] == []
    assert token not in done.output
    assert "leaked" not in done.output
    assert set(apply(site)) == {
        ("k3s: files | Configuration", "worker1"),
        ("k3s: service | Service k3s-agent", "worker1"),
        ("k3s: files | Cluster token", "worker2"),
    }
    after = site.snapshots()
    assert restarted(before, after) == {("worker1", "k3s-agent.service")}
    assert changed_files(before, after, but="worker2") == {("worker1", CONFIG)}
    site.kubectl("label", "node", "worker1", "by-")
    assert plan(site, 0) == {}


def test_a_run_limited_to_capabilities_and_hosts(site: Site) -> None:
    site.root("storage", f"echo '# edited' >> {SYSCTL}")
    try:
        assert site.whisklab("plan", site.name, "--only", "k3s,labels").code == 0
        assert site.whisklab("plan", site.name, "--limit", "worker1").code == 0
        assert site.whisklab("plan", site.name, "--limit", "storage").code == 3
        wrong = site.whisklab("plan", site.name, "--only", "k4s")
        assert wrong.code == 2
        assert "k4s: unknown capability" in wrong.output
    finally:
        apply(site)
