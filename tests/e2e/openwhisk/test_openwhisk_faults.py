"""What keeps OpenWhisk from coming up is named: each fault on a second one beside the first.

And an installation that was disturbed is gone on with by the next run.
"""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.e2e.cluster.background import background
from tests.e2e.cluster.site import Site
from tests.e2e.cluster.trial import TRIAL, judge
from tests.e2e.cluster.waiting import until
from tests.e2e.openwhisk.asking import components
from tests.e2e.openwhisk.faulty import RELEASE, SPACE, deploy, say

pytestmark = pytest.mark.e2e

APPLY = (".venv/bin/whisklab", "apply", TRIAL, "--only", "openwhisk")
NODE = {
    "kind": "nodejs:14", "image": "openwhisk/action-nodejs-v14:1.20.0", "default": True,
}  # fmt: skip
PYTHON = {"kind": "python:3", "image": "openwhisk/action-python-v3.7:1.17.0", "default": True}
SWIFT = {"kind": "swift:5.4", "image": "openwhisk/action-swift-v5.4:1.17.0", "default": True}


def test_a_default_image_that_is_not_there(faulty: Site) -> None:
    missing = {**NODE, "image": "openwhisk/action-nodejs-v14:gone", "prewarm": 1}
    kinds = {"nodejs": [missing], "python": [PYTHON], "swift": [SWIFT]}
    # It gives up by what it sees, not by its time, of which a busy machine needs more.
    say(faulty, f"openwhisk_runtimes = {kinds!r}\nopenwhisk_timeout = 400\n")
    judge(deploy(faulty), 1, "stage install-packages blocks", "action-nodejs-v14:gone",
          "default Node.js kind")  # fmt: skip


def test_no_machine_for_invokers_in_the_data(faulty: Site) -> None:
    path = faulty.directory / "group_data/workers.py"
    original = path.read_text()
    path.write_text('node_labels = {"openwhisk-role": "core"}\n')
    try:
        judge(deploy(faulty), 2, "openwhisk-role=invoker", "node_labels")
    finally:
        path.write_text(original)
    assert faulty.kubectl("get", "namespace", SPACE, "--ignore-not-found") == ""


def test_a_setting_that_this_kubernetes_has_outgrown(faulty: Site) -> None:
    say(faulty, "openwhisk_values = {'pdb': {'enable': True}, 'zookeeper': {'replicaCount': 3}}\n")
    judge(deploy(faulty), 1, "PodDisruptionBudget", "leave pdb.enable false in openwhisk_values")
    assert faulty.kubectl("get", "namespace", SPACE, "--ignore-not-found") == ""


def test_jobs_that_cannot_clone_in_a_closed_network(faulty: Site) -> None:
    kept = f"/var/nfs/kubedata/archived-{SPACE}-{RELEASE}-couchdb-pvc-pvc-0"
    faulty.root("storage", f"mkdir -p {kept}")
    say(faulty, "openwhisk_offline = False\n")
    judge(deploy(faulty), 1, "stage init-couchdb blocks", "unable to access",
          "openwhisk_offline = True", f"an earlier one's are kept in storage:{kept}")  # fmt: skip
    faulty.root("storage", f"rmdir {kept}")


def test_storage_that_has_stopped(faulty: Site) -> None:
    faulty.root("storage", "systemctl stop nfs-server")
    try:
        judge(deploy(faulty), 1, "stage claims blocks", f"{RELEASE}-", "is Pending", "storage host",
              "openwhisk_storage_class")  # fmt: skip
    finally:
        faulty.root("storage", "systemctl start nfs-server")


def test_what_is_killed_during_the_installation_comes_back(faulty: Site) -> None:
    """A pod, then the run, then another pod while the next run goes on."""
    say(faulty, "openwhisk_timeout = 600\n")
    with background(faulty, *APPLY) as running:
        kill_pod(faulty, "kafka")
        until("CouchDB is coming", lambda: pods(faulty, "couchdb"))
        running.send_signal(signal.SIGKILL)
        running.wait()
    claims = {each["metadata"]["uid"] for each in faulty.objects("pvc", "-n", SPACE)}
    assert claims
    with ThreadPoolExecutor() as pool:
        going_on = pool.submit(deploy, faulty)
        kill_pod(faulty, "controller")
        judge(going_on.result(), 0)
    plan = faulty.whisklab("plan", TRIAL, "--only", "openwhisk")
    assert plan.code == 0, plan.output
    assert {each["metadata"]["uid"] for each in faulty.objects("pvc", "-n", SPACE)} >= claims
    names = {f"{RELEASE}-kafka-0", f"{RELEASE}-controller-0"}
    assert names <= set(components(faulty, SPACE))


def kill_pod(site: Site, component: str) -> None:
    """Kill the pod of a stateful component once there is one."""
    until(f"a pod of {component}", lambda: pods(site, component))
    name = f"{RELEASE}-{component}-0"
    site.kubectl("-n", SPACE, "delete", "pod", name, "--grace-period=0", "--force")


def pods(site: Site, component: str) -> list[str]:
    label = f"name={RELEASE}-{component}"
    return [each["metadata"]["name"] for each in site.objects("pods", "-n", SPACE, "-l", label)]
