"""What keeps OpenWhisk from coming up is named: each fault on a second one beside the first."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.e2e.cluster.background import background
from tests.e2e.cluster.site import Run, Site
from tests.e2e.cluster.trial import TRIAL, append, judge
from tests.e2e.cluster.waiting import until
from tests.e2e.openwhisk.asking import components

pytestmark = pytest.mark.e2e

SPACE, RELEASE, PORT = "faulty", "owfault", 31017
DATA = f"""
openwhisk_release = "{RELEASE}"
openwhisk_namespace = "{SPACE}"
openwhisk_api_port = {PORT}
openwhisk_alarms = openwhisk_kafka_provider = False
openwhisk_user_memory_mb = 512
openwhisk_timeout = 120
"""
NODE = {
    "kind": "nodejs:14", "image": "openwhisk/action-nodejs-v14:1.20.0", "default": True,
}  # fmt: skip


@pytest.fixture
def faulty(trial: Site) -> Iterator[Site]:
    """The environment of a second OpenWhisk; it is gone afterwards, with its claims."""
    append(trial, "group_data/{env}.py", DATA)
    yield trial
    helm = "helm --kubeconfig /etc/rancher/k3s/k3s.yaml"
    trial.root("master", f"{helm} -n {SPACE} uninstall {RELEASE} --ignore-not-found")
    if trial.kubectl("get", "namespace", SPACE, "--ignore-not-found"):
        # What waits in a loop does not hear that it is to end.
        trial.kubectl("-n", SPACE, "delete", "pods", "--all", "--grace-period=0", "--force")
    trial.kubectl("delete", "namespace", SPACE, "--ignore-not-found", "--timeout=120s")


def deploy(site: Site) -> Run:
    return site.whisklab("apply", TRIAL, "--only", "openwhisk")


def say(site: Site, text: str) -> None:
    append(site, "group_data/{env}.py", text)


def test_a_default_image_that_is_not_there(faulty: Site) -> None:
    missing = {**NODE, "image": "openwhisk/action-nodejs-v14:gone", "prewarm": 1}
    say(faulty, f"openwhisk_runtimes = {{'nodejs': [{missing!r}]}}\n")
    judge(deploy(faulty), 1, "stage install-packages blocks", "action-nodejs-v14:gone",
          "default Node.js kind")  # fmt: skip


def test_a_claim_that_nobody_binds(faulty: Site) -> None:
    manifest = {
        "apiVersion": "storage.k8s.io/v1", "kind": "StorageClass",
        "metadata": {"name": "nobody"}, "provisioner": "example.org/nobody",
    }  # fmt: skip
    subprocess.run(
        [*faulty.ssh_command("master"), "sudo k3s kubectl apply -f -"],
        input=json.dumps(manifest), text=True, check=True, timeout=60,
    )  # fmt: skip
    try:
        say(faulty, "openwhisk_storage_class = 'nobody'\n")
        judge(deploy(faulty), 1, "stage claims blocks", f"{RELEASE}-", "is Pending",
              "openwhisk_storage_class")  # fmt: skip
    finally:
        faulty.kubectl("delete", "storageclass", "nobody")


def test_no_machine_for_invokers_in_the_data(faulty: Site) -> None:
    path = faulty.directory / "group_data/workers.py"
    original = path.read_text()
    path.write_text('node_labels = {"openwhisk-role": "core"}\n')
    try:
        judge(deploy(faulty), 2, "openwhisk-role=invoker", "node_labels")
    finally:
        path.write_text(original)
    assert faulty.kubectl("get", "namespace", SPACE, "--ignore-not-found") == ""


def test_no_node_for_invokers_in_the_cluster(faulty: Site) -> None:
    workers = ("worker1", "worker2")
    faulty.kubectl("label", "--overwrite", "node", *workers, "openwhisk-role=nothing")
    try:
        judge(deploy(faulty), 1, "0 of 3 nodes have the label openwhisk-role=invoker")
    finally:
        faulty.kubectl("label", "--overwrite", "node", *workers, "openwhisk-role=invoker")
    assert faulty.kubectl("get", "namespace", SPACE, "--ignore-not-found") == ""


def test_a_port_that_is_taken(faulty: Site) -> None:
    shop = ("service", "nodeport", "shop", "--tcp=80:80", f"--node-port={PORT}")
    faulty.kubectl("create", *shop)
    try:
        judge(deploy(faulty), 1, f"port {PORT} is taken by the service default/shop",
              "openwhisk_api_port")  # fmt: skip
    finally:
        faulty.kubectl("delete", "service", "shop")
    assert faulty.kubectl("get", "namespace", SPACE, "--ignore-not-found") == ""


def test_a_setting_that_this_kubernetes_has_outgrown(faulty: Site) -> None:
    say(faulty, "openwhisk_values = {'pdb': {'enable': True}, 'zookeeper': {'replicaCount': 3}}\n")
    judge(deploy(faulty), 1, "PodDisruptionBudget", "leave pdb.enable false in openwhisk_values")
    assert faulty.kubectl("get", "namespace", SPACE, "--ignore-not-found") == ""


def test_jobs_that_cannot_clone_in_a_closed_network(faulty: Site) -> None:
    say(faulty, "openwhisk_offline = False\n")
    judge(deploy(faulty), 1, "stage init-couchdb blocks", "unable to access",
          "openwhisk_offline = True")  # fmt: skip


def test_storage_that_has_stopped(faulty: Site) -> None:
    faulty.root("storage", "systemctl stop nfs-server")
    try:
        judge(deploy(faulty), 1, "stage claims blocks", "is Pending", "storage host")
    finally:
        faulty.root("storage", "systemctl start nfs-server")


def test_pods_killed_during_the_installation(faulty: Site) -> None:
    names = {component: f"{RELEASE}-{component}-0" for component in ("kafka", "controller")}
    with ThreadPoolExecutor() as pool:
        running = pool.submit(deploy, faulty)
        for component, name in names.items():
            until(f"pod {name}", partial(pods, faulty, component))
            faulty.kubectl("-n", SPACE, "delete", "pod", name, "--grace-period=0", "--force")
        judge(running.result(), 0)
    plan = faulty.whisklab("plan", TRIAL, "--only", "openwhisk")
    assert plan.code == 0, plan.output
    assert set(names.values()) <= set(components(faulty, SPACE))


def test_a_run_killed_during_the_installation_is_continued(faulty: Site) -> None:
    command = (".venv/bin/whisklab", "apply", TRIAL, "--only", "openwhisk")
    with background(faulty, *command) as running:
        until("CouchDB is coming", lambda: pods(faulty, "couchdb"))
        running.send_signal(signal.SIGKILL)
        running.wait()
    claims = {each["metadata"]["uid"] for each in faulty.objects("pvc", "-n", SPACE)}
    assert claims
    judge(deploy(faulty), 0)
    assert {each["metadata"]["uid"] for each in faulty.objects("pvc", "-n", SPACE)} >= claims
    assert faulty.whisklab("plan", TRIAL, "--only", "openwhisk").code == 0


def pods(site: Site, component: str) -> list[str]:
    label = f"name={RELEASE}-{component}"
    return [each["metadata"]["name"] for each in site.objects("pods", "-n", SPACE, "-l", label)]
