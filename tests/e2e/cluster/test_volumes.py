"""A claim on `nfs-client` is a directory of the storage host, which pods on every node share."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import partial

import pytest

from tests.e2e.cluster.rebooting import reboot
from tests.e2e.cluster.site import Site
from tests.e2e.cluster.waiting import until

pytestmark = pytest.mark.e2e

EXPORT = "/var/nfs/kubedata"
RELEASE = ("provisioner | Release openwhisk-nfs", "master")
CLASS = ("provisioner | Default storage class", "master")
HELM = "helm --kubeconfig /etc/rancher/k3s/k3s.yaml --namespace nfs-provisioner"
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


def pod(name: str, node: str, *command: str) -> str:
    spec = {
        "nodeName": node,
        "terminationGracePeriodSeconds": 0,
        "containers": [
            {
                "name": "main",
                "image": IMAGE,
                "command": command,
                "volumeMounts": [{"name": "data", "mountPath": "/data"}],
            }
        ],
        "volumes": [{"name": "data", "persistentVolumeClaim": {"claimName": "shared"}}],
    }
    metadata = {"name": name, "namespace": "volumes"}
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
    site.kubectl("create", "namespace", "volumes")
    have(site, claim("shared", "nfs-client"))
    until("the claim is bound", lambda: phase(site, "pvc", "shared") == "Bound")
    for node in ("worker1", "worker2"):
        have(site, pod(f"on-{node}", node, "sleep", "100000"))
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


# A line is on the storage host when its file was closed; a loss would be a gap.
WRITE = "set -e; i=0; while :; do i=$((i + 1)); echo $i >> /data/lines; sleep 1; done"
# What a second run must leave: mounts of NFS, and all that serves, mounts or runs containers.
STATE = (
    "grep -i nfs /proc/mounts | sort; ps -e -o pid=,comm= "
    "| grep -E 'k3s|containerd|mount[.]nfs|rpc[.]|rpcbind|nfsd' | grep -v kworker | sort"
)


def lines(site: Site) -> list[int]:
    """Return the numbers that the writer's lines on the storage host have."""
    return [
        int(line) for line in site.root("storage", f"cat {EXPORT}/volumes-shared-*/lines").split()
    ]


def container(site: Site, name: str) -> str:
    path = "jsonpath={.status.containerStatuses[0].containerID}"
    return site.kubectl("-n", "volumes", "get", "pod", name, "-o", path)


def test_pods_go_on_when_the_storage_host_was_rebooted(shared: Site) -> None:
    have(shared, pod("writer", "worker1", "sh", "-c", WRITE))
    until("it runs", partial(running, shared, "writer"))
    until("it writes", lambda: "lines" in inside(shared, "worker2", "ls /data"))
    names = ("writer", "on-worker1", "on-worker2")
    before = {name: container(shared, name) for name in names}
    reboot(shared, "storage")
    then = len(lines(shared))
    until("it writes on", lambda: len(lines(shared)) > then + 2)
    assert {name: container(shared, name) for name in names} == before
    uid = shared.kubectl("-n", "volumes", "get", "pod", "writer", "-o", "jsonpath={.metadata.uid}")
    shared.kubectl("-n", "volumes", "delete", "pod", "writer")
    # Without a grace period the API forgets the pod before its node has ended it.
    until("it has ended", lambda: uid not in shared.root("worker1", "cat /proc/mounts"))
    found = lines(shared)
    assert found == list(range(1, len(found) + 1))
    assert inside(shared, "worker2", "wc -l < /data/lines").strip() == str(len(found))
    exports = shared.root("storage", "exportfs -s")
    assert exports.split()[0] == EXPORT
    assert len(exports.splitlines()) == 1


def test_a_second_run_leaves_mounts_processes_and_the_one_revision(shared: Site) -> None:
    def seen() -> list[str]:
        history = shared.root("master", f"{HELM} history openwhisk-nfs --max 10 --output json")
        assert len(json.loads(history)) == 1
        return [history, *(shared.root(host, STATE) for host in shared.hosts)]

    before = seen()
    assert f":{EXPORT}/volumes-shared-" in shared.root("worker1", STATE)
    assert shared.converge() == set()
    assert seen() == before


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
    shared.root("master", f"{HELM} uninstall openwhisk-nfs --wait")
    inside(shared, "worker1", "echo still-there > /data/file")
    planned = json.loads(shared.whisklab("plan", shared.name, "--json").stdout)["changes"]
    assert [(each["operation"], each["host"]) for each in planned] == [RELEASE]
    assert shared.converge() == {RELEASE}
    after = shared.kubectl("get", "pvc", "-n", "volumes", "shared", "-o", "jsonpath={.spec}")
    assert after == volume
    assert inside(shared, "worker2", "cat /data/file").strip() == "still-there"


def test_what_a_class_may_not_change_is_a_new_class_and_volumes_stay(shared: Site) -> None:
    data = shared.directory / f"group_data/{shared.name}.py"
    original = data.read_text()

    def policy() -> str:
        return shared.kubectl(
            "get", "storageclass", "nfs-client", "-o", "jsonpath={.reclaimPolicy}"
        )

    data.write_text(original + "\nprovisioner_reclaim_policy = 'Retain'\n")
    try:
        planned = shared.whisklab("plan", shared.name)
        assert "recreates, because" in planned.output
        assert "StorageClass/nfs-client" in planned.output
        assert shared.converge() == {RELEASE}
        assert policy() == "Retain"
        assert phase(shared, "pvc", "shared") == "Bound"
    finally:
        data.write_text(original)
    assert shared.converge() == {RELEASE}
    assert policy() == "Delete"
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
