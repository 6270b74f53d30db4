"""k3s goes up one minor while a Deployment serves; the last tests, for there is no way back."""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from tests.e2e.cluster.faults import fault
from tests.e2e.cluster.newer import NEW, both
from tests.e2e.cluster.site import Run, Site
from tests.e2e.cluster.waiting import until

pytestmark = pytest.mark.e2e

OLD, TOO_NEW = "v1.34.4+k3s1", "v1.36.0+k3s1"
NODE_PORT = 30080
WEB, PICKY = (Path(__file__).with_name(name) for name in ("web.yaml", "picky.yaml"))
IMAGE = "docker.io/rancher/mirrored-library-busybox:1.36.1"
FEWER_PODS = {"kubelet-arg": ["max-pods=99"]}  # any change that restarts the agents
# Read again and again from a machine that is no node, through a node's NodePort.
PROBE = (
    "while :; do for node in {nodes}; do echo $(date +%T) $node "
    "$(curl -s -m 5 -o /dev/null -w '%{{http_code}} %{{exitcode}}' $node:{port}); "
    "done; sleep 0.1; done"
)
AGENT_FAULT = "/etc/rancher/k3s/config.yaml.d/99-fault.yaml"


@pytest.fixture(scope="module")
def upgradable(site: Site) -> Site:
    """The lab with a catalogue that also has the newer k3s, and one that is too new."""
    catalogue = yaml.safe_load(both(site).read_text())
    versions = catalogue["k3s"]["versions"]
    versions[TOO_NEW] = versions[NEW]  # it is refused before anybody looks into it
    path = site.directory / "catalogue.yaml"
    path.write_text(yaml.safe_dump(catalogue))
    file = site.lab_file
    file.write_text(json.dumps({**json.loads(file.read_text()), "catalogue": str(path)}))
    site.converge()
    return site


def wish(site: Site, **settings: object) -> None:
    """Have these settings in the data of the environment, in place of those of a wish before."""
    data = site.directory / f"group_data/{site.name}.py"
    kept, _, _ = data.read_text().partition("# wish\n")
    lines = [f"{key} = {value!r}\n" for key, value in settings.items()]
    data.write_text("".join([kept, "# wish\n", *lines]))


def agents(site: Site) -> list[str]:
    """Return the agents in inventory order."""
    return [host for host in site.hosts if host.startswith("worker")]


def apply(site: Site, code: int = 0) -> Run:
    """Deploy and require the exit code."""
    done = site.whisklab("apply", site.name)
    assert done.code == code, done.output
    assert "Traceback" not in done.output
    return done


def versions(site: Site) -> dict[str, str]:
    """Return the kubelets' versions, by node."""
    return {node["metadata"]["name"]: node["status"]["nodeInfo"]["kubeletVersion"]
            for node in site.objects("nodes")}  # fmt: skip


def containers(site: Site) -> dict[str, tuple[str, int]]:
    """Return the ready containers of the Deployment: pod to container id and restarts."""
    found = {}
    for pod in site.objects("pods", "-l", "app=web"):
        for status in pod["status"].get("containerStatuses", []):
            if status["ready"] and "deletionTimestamp" not in pod["metadata"]:
                found[pod["metadata"]["name"]] = (status["containerID"], status["restartCount"])
    return found


@contextmanager
def serving(site: Site) -> Iterator[None]:
    """Deploy a web server, and require that each read of it meanwhile is answered."""
    nodes = {host["name"]: host["address"] for host in site.lab["hosts"]}
    readers = {name: address for name, address in nodes.items() if name.startswith("worker")}
    kubectl(site, "apply", WEB.read_text())
    until("three pods are ready", lambda: len(containers(site)) == 3)
    script = PROBE.format(nodes=" ".join(readers.values()), port=NODE_PORT)
    with subprocess.Popen(
        [*site.ssh_command("storage", "-tt"), script], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
    ) as probe:  # fmt: skip
        try:
            yield
        finally:
            probe.terminate()
            lines = [line.strip() for line in probe.communicate()[0].splitlines()[:-1]]
            answers = Counter(line.partition(" ")[2] for line in lines)
            kubectl(site, "delete", WEB.read_text())
    print(answers, [line for line in lines if not line.endswith(" 200 0")])
    assert set(answers) == {f"{address} 200 0" for address in readers.values()}
    assert min(answers.values()) > 10


@contextmanager
def manifest(site: Site, text: str) -> Iterator[None]:
    """Have the objects of a manifest for a while."""
    kubectl(site, "apply", text)
    try:
        yield
    finally:
        kubectl(site, "delete", text)


def kubectl(site: Site, verb: str, text: str) -> None:
    """Run `kubectl VERB -f -` on the master with the manifest on its stdin."""
    command = [*site.ssh_command("master"), f"sudo k3s kubectl {verb} -f -"]
    subprocess.run(command, input=text, text=True, check=True, timeout=60)


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


def begun(site: Site, host: str) -> float:
    """Return when k3s of a host was started; the hosts of a lab have one clock."""
    path = f"/run/whisklab/{'k3s' if host == 'master' else 'k3s-agent'}.started"
    return float(site.root(host, f"stat -c %.Y {path}"))


def test_a_skipped_minor_is_refused_before_anything_changes(upgradable: Site) -> None:
    wish(upgradable, k3s_version=TOO_NEW)
    before = upgradable.snapshots()
    done = apply(upgradable, 1)
    assert f"master has k3s {OLD}, which cannot skip a minor on its way to {TOO_NEW}" in done.output
    assert f"set k3s_version to a v1.35, such as {NEW}" in done.output
    assert upgradable.snapshots() == before
    assert upgradable.whisklab("plan", upgradable.name).code == 1


def test_control_groups_are_looked_at_on_each_machine_first(upgradable: Site) -> None:
    """A kubelet of 1.35 starts on version 1 only when told so; the lab's data do."""
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
            for host in others:
                assert site.snapshot(host) == before[host]
        assert versions(site)["master"] == NEW
        assert all(versions(site)[host] == OLD for host in agents(site))
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
    with serving(site):
        before = containers(site)
        moved = {pod["metadata"]["name"] for pod in site.objects("pods", "-l", "app=web")
                 if pod["spec"]["nodeName"] in agents(site)}  # fmt: skip
        assert moved
        apply(site)
        assert len(containers(site)) == len(before)
        assert not set(containers(site)) & moved  # and nobody noticed
        assert not any(node["spec"].get("unschedulable") for node in site.objects("nodes"))
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
        done = apply(site, 1)
        assert f"{first} cannot be drained, nobody would start default/alone again" in done.output
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
