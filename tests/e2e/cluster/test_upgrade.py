"""k3s goes up one minor while a Deployment serves; the last tests, for there is no way back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploys.k3s.etcd import EtcdState
from tests.e2e import bases, spent
from tests.e2e.bare import bare
from tests.e2e.cluster.faults import fault
from tests.e2e.cluster.newer import PATH, offered, versions, wish
from tests.e2e.cluster.serving import agents, containers, kubectl, serving
from tests.e2e.cluster.site import Run, Site
from tests.e2e.cluster.waiting import until
from whisklab.lab.standins.k3s import NEWER

pytestmark = pytest.mark.e2e

FIRST, *BETWEEN, NEW = PATH
OLD = PATH[-2]
PICKY = Path(__file__).with_name("picky.yaml")
IMAGE = "docker.io/rancher/mirrored-library-busybox:1.36.1"
FEWER_PODS = {"kubelet-arg": ["max-pods=99"]}  # any change that restarts the agents
AGENT_FAULT = "/etc/rancher/k3s/config.yaml.d/99-fault.yaml"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, lab_name: str, test_file: str) -> Iterator[Site]:
    """The copy with its lab up, and nothing on it."""
    directory = tmp_path_factory.mktemp("site")
    with bare(directory, lab_name, test_file, data=bases.WITHOUT_OPENWHISK) as made:
        yield made


@pytest.fixture(scope="module")
def upgradable(site: Site, test_file: str) -> Site:
    """The lab one minor before the newest, with a catalogue that also has one that is too new."""
    offered(site, PATH, alias={NEWER: NEW})
    wish(site, k3s_version=FIRST)
    with spent.on(test_file, spent.DEPLOYING):
        site.converge()
    for version in BETWEEN:
        with serving(site):
            running = containers(site)
            wish(site, k3s_version=version)
            apply(site)
            assert set(versions(site).values()) == {version}
            assert containers(site) == running
    return site


def apply(site: Site, code: int = 0) -> Run:
    """Deploy and require the exit code."""
    done = site.whisklab("apply", site.name)
    assert done.code == code, done.output
    assert "Traceback" not in done.output
    return done


@contextmanager
def manifest(site: Site, text: str) -> Iterator[None]:
    """Have the objects of a manifest for a while."""
    kubectl(site, "apply", text)
    try:
        yield
    finally:
        kubectl(site, "delete", text)


def ready(site: Site, selector: str = "") -> bool:
    """Tell whether there are such pods in the default namespace, all of them ready.

    Those of the test before may still be ending, and are ready until they have.
    """
    there = site.objects("pods", "-l", selector)
    pods = [pod for pod in there if "deletionTimestamp" not in pod["metadata"]]
    return bool(pods) and all(
        any(c["type"] == "Ready" and c["status"] == "True" for c in pod["status"]["conditions"])
        for pod in pods
    )


def pinned(node: str) -> str:
    """A Deployment whose pod may run on this node alone."""
    labels = {"app": "pinned"}
    container = {"name": "it", "image": IMAGE, "command": ["sleep", "3600"]}
    pod = {
        "nodeSelector": {"kubernetes.io/hostname": node},
        "terminationGracePeriodSeconds": 0,
        "containers": [container],
    }
    return json.dumps({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "pinned"},
        "spec": {"selector": {"matchLabels": labels},
                 "template": {"metadata": {"labels": labels}, "spec": pod}},
    })  # fmt: skip


def begun(site: Site, host: str) -> float:
    """Return when k3s of a host was started; the hosts of a lab have one clock."""
    path = f"/run/whisklab/{'k3s' if host == 'master' else 'k3s-agent'}.started"
    return float(site.root(host, f"stat -c %.Y {path}"))


def test_a_skipped_minor_is_refused_before_anything_changes(upgradable: Site) -> None:
    wish(upgradable, k3s_version=NEWER)
    before = upgradable.snapshots()
    done = apply(upgradable, 1)
    assert f"master has k3s {OLD}, which cannot skip a minor on its way to {NEWER}" in done.output
    assert f"set k3s_version to a v1.36, such as {NEW}" in done.output
    assert upgradable.snapshots() == before
    assert upgradable.whisklab("plan", upgradable.name).code == 1


def test_control_groups_are_looked_at_on_each_machine_first(upgradable: Site) -> None:
    """A kubelet since 1.35 starts on version 1 only when told so; the lab's data do."""
    site = upgradable
    wish(site, k3s_version=NEW, k3s_cgroup_v1=False)
    old = {host for host in ("master", *agents(site))
           if site.root(host, "stat -f -c %T /sys/fs/cgroup").strip() != "cgroup2fs"}  # fmt: skip
    done = site.whisklab("plan", site.name)
    assert done.code == (1 if old else 3), done.output
    for host in ("master", *agents(site)):
        assert (f"control groups: {host} has version 1 of them" in done.output) is (host in old)


def test_a_failed_turn_stops_the_change_and_the_next_run_continues(upgradable: Site) -> None:
    site = upgradable
    first, *others = agents(site)
    assert len(others) > 0
    wish(site, k3s_version=NEW)
    with serving(site):
        before, running = site.snapshots(), containers(site)
        started = {host: begun(site, host) for host in site.hosts if host != "storage"}
        break_it = f"mkdir -p $(dirname {AGENT_FAULT}); echo 'no-such-key: 1' > {AGENT_FAULT}"
        with fault(site, first, break_it, f"rm {AGENT_FAULT}"):
            done = apply(site, 1)
            assert "no-such-key" in done.output  # the service's own words
            assert f"stopped here, because of {first}" in done.output
            assert f"whisklab log {site.name} --failed" in done.output
            shown = site.whisklab("log", site.name, "--failed", "--host", first).output
            assert "FAILED" in shown, shown
            for host in others:
                assert site.snapshot(host) == before[host]
            # Mended, it would start again by itself, and as the new one.
            assert versions(site) == {"master": NEW, **dict.fromkeys(agents(site), OLD)}
        assert begun(site, "master") > started["master"]

        apply(site)
        assert set(versions(site).values()) == {NEW}
        order = [begun(site, host) for host in ("master", first, *others)]
        assert order == sorted(order)
        assert containers(site) == running
    assert site.converge() == set()


def test_an_etcd_snapshot_was_saved_before(upgradable: Site) -> None:
    directory = "/var/lib/rancher/k3s/server/db/snapshots"
    listed = upgradable.root("master", f"stat -c '%n %.Y %s' {directory}/whisklab-*").splitlines()
    _, when, size = listed[-1].split()
    assert float(when) < begun(upgradable, "master")
    assert int(size) > 0


def test_a_real_etcd_answers_what_is_asked_of_it(upgradable: Site) -> None:
    """Of one that is too old nothing can be had here; its answers are the same."""
    command = EtcdState().command("/var/lib/rancher/k3s/server").get_raw_value()
    found = EtcdState().process(upgradable.root("master", command).splitlines())
    assert found.version is not None
    assert found.version[:2] == (3, 6)
    assert len(found.members) == 1


def test_pods_run_again_before_the_next_turn(upgradable: Site) -> None:
    """A pod that is ready only while its agent has not been restarted since we agreed to it."""
    site = upgradable
    first, second, *_ = agents(site)
    agree = "touch /run/whisklab/agreed"
    with manifest(site, PICKY.read_text().replace("NODE", first)):
        site.root(first, agree)
        until("it is ready", lambda: ready(site, "app=picky"))
        wish(site, k3s_version=NEW, k3s_agent_config=FEWER_PODS, k3s_ready_within=15)
        started = begun(site, second)
        done = apply(site, 1)
        assert "not ready: default/picky-" in done.output
        assert f"stopped here, because of {first}" in done.output
        assert begun(site, second) == started
        site.root(first, agree)
        until("it is ready", lambda: ready(site, "app=picky"))
        apply(site)
    assert begun(site, second) > started
    site.root(first, "rm /run/whisklab/agreed")


def test_a_drain_moves_the_pods_and_ends_with_nothing_cordoned(upgradable: Site) -> None:
    site = upgradable
    wish(site, k3s_version=NEW, k3s_drain=True)
    with serving(site), manifest(site, pinned(agents(site)[0])):
        until("it runs", lambda: ready(site, "app=pinned"))
        before = containers(site)
        moved = {pod["metadata"]["name"] for pod in site.objects("pods", "-l", "app=web")
                 if pod["spec"]["nodeName"] in agents(site)}  # fmt: skip
        assert moved
        apply(site)
        assert len(containers(site)) == len(before)
        assert not set(containers(site)) & moved  # and nobody noticed
        assert not any(node["spec"].get("unschedulable") for node in site.objects("nodes"))
        assert ready(site, "app=pinned")  # which had to wait for its node
        assert site.converge() == set()


def test_a_pod_that_nobody_would_start_again_is_not_evicted(upgradable: Site) -> None:
    site = upgradable
    first = agents(site)[0]
    wish(site, k3s_version=NEW, k3s_drain=True, k3s_agent_config=FEWER_PODS)
    alone = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "alone"}, "spec": {
        "nodeName": first, "terminationGracePeriodSeconds": 0,
        "containers": [{"name": "it", "image": IMAGE, "command": ["sleep", "3600"]}]}}  # fmt: skip
    with manifest(site, json.dumps(alone)):
        until("it runs", lambda: ready(site))
        started = begun(site, first)
        told = f"{first} cannot be drained, nobody would start default/alone again"
        plan = site.whisklab("plan", site.name)
        assert plan.code == 1, plan.output
        assert told in plan.output
        assert told in apply(site, 1).output
        assert ready(site)
        assert begun(site, first) == started
        assert not any(node["spec"].get("unschedulable") for node in site.objects("nodes"))
    apply(site)


def test_our_cordon_is_ended_and_somebody_else_s_stays(upgradable: Site) -> None:
    site = upgradable
    first, second, *_ = agents(site)
    site.kubectl("cordon", first)
    site.kubectl("annotate", "node", first, "whisklab.dev/cordoned=yes")  # as a killed run left it
    site.kubectl("cordon", second)
    assert site.converge() == {("k3s: cluster | No node is cordoned by us", "master")}
    cordoned = {node["metadata"]["name"] for node in site.objects("nodes")
                if node["spec"].get("unschedulable")}  # fmt: skip
    assert cordoned == {second}
    site.kubectl("uncordon", second)


def test_there_is_no_way_back(upgradable: Site) -> None:
    wish(upgradable, k3s_version=OLD)
    before = upgradable.snapshots()
    done = apply(upgradable, 1)
    assert f"master has k3s {NEW}, which cannot go back to {OLD}" in done.output
    assert upgradable.snapshots() == before
    wish(upgradable, k3s_version=NEW, k3s_drain=True, k3s_agent_config=FEWER_PODS)
    assert upgradable.converge() == set()
