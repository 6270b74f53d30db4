"""A claim on `nfs-client` is a directory of the storage host, which pods on every node share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

import pytest

from tests.e2e.cluster.site import Site
from tests.e2e.cluster.waiting import until

pytestmark = pytest.mark.e2e

EXPORT = "/var/nfs/kubedata"
RELEASE = ("provisioner | Release openwhisk-nfs", "master")
CLASS = ("provisioner | Default storage class", "master")
IMAGE = "docker.io/rancher/mirrored-library-busybox:1.36.1"


def claim(name: str, storage_class: str | None) -> str:
    spec = {
        "accessModes": ["ReadWriteMany"],
        "resources": {"requests": {"storage": "1Mi"}},
        **({"storageClassName": storage_class} if storage_class else {}),
    }
    return json.dumps(
        {
            "apiVersion": "v1",
            "kind": "PersistentVolumeClaim",
            "metadata": {"name": name, "namespace": "volumes"},
            "spec": spec,
        }
    )


def pod(node: str) -> str:
    spec = {
        "nodeName": node,
        "terminationGracePeriodSeconds": 0,
        "containers": [
            {
                "name": "main",
                "image": IMAGE,
                "command": ["sleep", "100000"],
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            }
        ],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "shared"}}],
    }
    metadata = {"name": f"on-{node}", "namespace": "volumes"}
    return json.dumps({"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec})


def have(site: Site, *documents: str) -> None:
    for document in documents:
        site.root("master", f"k3s kubectl apply -f - <<'E'\n{document}\nE")


def phase(site: Site, kind: str, name: str) -> str:
    path = "jsonpath={.status.phase}"
    return site.kubectl("-n", "volumes", "get", kind, name, "-o", path)


def running(site: Site, name: str) -> bool:
    return phase(site, "pod", name) == "Running"


def inside(site: Site, node: str, script: str) -> str:
    return site.kubectl("-n", "volumes", "exec", f"on-{node}", "--", "sh", "-c", script)


@pytest.fixture(scope="module")
def shared(site: Site) -> Iterator[Site]:
    """A claim `shared`, and a pod on each worker that has it at /data."""
    site.converge()
    site.kubectl("create", "namespace", "volumes")
    have(site, claim("shared", "nfs-client"))
    until("the claim is bound", lambda: phase(site, "pvc", "shared") == "Bound")
    have(site, pod("worker1"), pod("worker2"))
    for node in ("worker1", "worker2"):
        until(f"the pod on {node} runs", partial(running, site, f"on-{node}"))
    yield site
    site.kubectl("delete", "namespace", "volumes")


def directories(site: Site) -> list[str]:
    return site.root("storage", f"ls {EXPORT}").split()


def test_pods_on_two_nodes_share_a_directory_of_the_storage_host(shared: Site) -> None:
    inside(shared, "worker1", "echo from-worker1 > /data/file")
    assert inside(shared, "worker2", "cat /data/file").strip() == "from-worker1"
    (directory,) = [name for name in directories(shared) if name.startswith("volumes-shared-")]
    found = shared.root("storage", f"cat {EXPORT}/{directory}/file")
    assert found.strip() == "from-worker1"


def test_a_deleted_claim_leaves_its_data_archived(shared: Site) -> None:
    have(shared, claim("other", "nfs-client"))
    until("the claim is bound", lambda: phase(shared, "pvc", "other") == "Bound")
    shared.kubectl("-n", "volumes", "delete", "pvc", "other")
    until(
        "its directory is archived",
        lambda: any(name.startswith("archived-volumes-other-") for name in directories(shared)),
    )


def test_the_release_uninstalled_by_hand_comes_back_and_no_claim_is_lost(shared: Site) -> None:
    volume = shared.kubectl("get", "pvc", "-n", "volumes", "shared", "-o", "jsonpath={.spec}")
    helm = "helm --kubeconfig /etc/rancher/k3s/k3s.yaml --namespace nfs-provisioner"
    shared.root("master", f"{helm} uninstall openwhisk-nfs --wait")
    inside(shared, "worker1", "echo still-there > /data/file")
    assert shared.converge() == {RELEASE}
    after = shared.kubectl("get", "pvc", "-n", "volumes", "shared", "-o", "jsonpath={.spec}")
    assert after == volume
    assert inside(shared, "worker2", "cat /data/file").strip() == "still-there"
    assert shared.converge() == set()


def test_it_becomes_the_default_class_and_stops_being_it(shared: Site) -> None:
    data = shared.directory / f"group_data/{shared.name}.py"
    original = data.read_text()

    def defaults() -> list[str]:
        note = "storageclass.kubernetes.io/is-default-class"
        return [each["metadata"]["name"] for each in shared.objects("storageclasses")
                if each["metadata"].get("annotations", {}).get(note) == "true"]  # fmt: skip

    assert defaults() == ["local-path"]
    data.write_text(original + "\nprovisioner_default_class = True\n")
    try:
        assert shared.converge() == {RELEASE, CLASS}
        assert defaults() == ["nfs-client"]
        have(shared, claim("any", None))
        until("the claim is bound", lambda: phase(shared, "pvc", "any") == "Bound")
        assert shared.converge() == set()
    finally:
        data.write_text(original)
    assert shared.converge() == {RELEASE, CLASS}
    assert defaults() == ["local-path"]
