"""What keeps OpenWhisk from coming up is named: each fault on a second one beside the first."""

from __future__ import annotations

import pytest

from tests.e2e.cluster.site import Site
from tests.e2e.cluster.trial import judge
from tests.e2e.openwhisk.faulty import PORT, SPACE, deploy, say

pytestmark = pytest.mark.e2e

NODE = {
    "kind": "nodejs:14", "image": "openwhisk/action-nodejs-v14:1.20.0", "default": True,
}  # fmt: skip


def test_a_default_image_that_is_not_there(faulty: Site) -> None:
    missing = {**NODE, "image": "openwhisk/action-nodejs-v14:gone", "prewarm": 1}
    say(faulty, f"openwhisk_runtimes = {{'nodejs': [{missing!r}]}}\n")
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
