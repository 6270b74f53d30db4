"""`whisklab images` on a platform: push, pull on each node, list, rm, gc beside a push."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.contract.registry.making import digest, docker, image, layer, single, written
from tests.e2e.cluster.background import background
from tests.e2e.cluster.site import Site
from tests.e2e.cluster.waiting import until

pytestmark = pytest.mark.e2e

NODES = ("master", "worker1", "worker2")
PULL = "10.77.0.14:5000"
DATA = "/var/lib/whisklab-registry"
PUSHES, COLLECTS = "whisklab-registry-push", "whisklab-registry-gc"
# An image of the lab's that runs for as long as one wants.
SOURCE = "registry.k8s.io/sig-storage/nfs-subdir-external-provisioner:v4.0.2"
MB = 1 << 20


def pushed(site: Site, *arguments: str) -> list[dict[str, Any]]:
    done = site.whisklab("images", "push", site.name, *arguments, "--json")
    assert done.code == 0, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def listed(site: Site) -> dict[str, dict[str, Any]]:
    done = site.whisklab("images", "list", site.name, "--json")
    assert done.code == 0, done.output
    return {f"{each['name']}:{each['tag']}": each for each in json.loads(done.stdout)}


def pulled(site: Site, node: str, name: str) -> str:
    """The digest by which a node has what it pulls."""
    site.root(node, f"crictl rmi {PULL}/{name} >/dev/null 2>&1; crictl pull {PULL}/{name} >&2")
    told = site.root(node, f"ctr -n k8s.io images ls name=={PULL}/{name}")
    (found,) = re.findall(r" (sha256:[0-9a-f]{64}) ", told)
    return str(found)


def takes_images(site: Site) -> bool:
    return "active" in site.root("storage", f"systemctl is-active {PUSHES} || true").split()


@pytest.fixture(scope="module")
def exported(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An image as containerd exports it."""
    file = tmp_path_factory.mktemp("exported") / "image.tar"
    export = f"ctr -n k8s.io images export /tmp/image.tar {SOURCE} && cat /tmp/image.tar"
    with file.open("wb") as out:
        argv = [*site.ssh_command("master"), "sudo", "sh", "-c", f"'{export}'"]
        subprocess.run(argv, stdout=out, check=True, timeout=120)
    return file


def test_what_was_pushed_is_on_every_node_and_in_use_is_not_removed(
    site: Site, exported: Path
) -> None:
    (done,) = pushed(site, str(exported))
    name = SOURCE.partition("/")[2]
    assert done["name"] == name
    assert done["sent"] > MB
    (again,) = pushed(site, str(exported), "lab/used:1")
    assert again["digest"] == done["digest"]
    for node in NODES:
        assert pulled(site, node, "lab/used:1") == done["digest"]
    pod = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "user"},
        "spec": {"nodeName": "worker2", "containers": [
            {"name": "c", "image": f"{PULL}/lab/used:1", "imagePullPolicy": "Always"},
        ]},
    }  # fmt: skip
    site.root("master", f"echo '{json.dumps(pod)}' | kubectl apply -f - >/dev/null")
    found = listed(site)
    assert found["lab/used:1"]["used_by"] == ["pod default/user"]
    assert found["lab/used:1"]["digest"] == done["digest"]
    assert found["lab/used:1"]["size"] == done["sent"]
    refused = site.whisklab("images", "rm", site.name, "lab/used:1", "--yes")
    assert refused.code == 2
    assert "lab/used:1: is in use by pod default/user: it is not removed" in refused.output
    site.kubectl("delete", "pod", "user", "--grace-period=0", "--force")


def test_a_tag_is_removed_and_another_of_its_digest_stays(site: Site, tmp_path: Path) -> None:
    source = str(written(tmp_path / "saved.tar", docker([layer(7, MB)], ["lab/o:1", "lab/o:2"])))
    first, _ = pushed(site, source)
    asked = site.whisklab("images", "rm", site.name, "lab/o:1")
    assert asked.code == 2
    assert "nothing was removed" in asked.output
    done = site.whisklab("images", "rm", site.name, "lab/o:1", "--yes")
    assert done.code == 0, done.output
    assert f"lab/o:1 -> {first['digest']}, which stays, lab/o:2 has it too" in done.output
    assert {"lab/o:1", "lab/o:2"} & set(listed(site)) == {"lab/o:2"}
    assert pulled(site, "worker1", "lab/o:2") == first["digest"]


def test_what_no_node_can_run_or_has_no_room_is_refused(site: Site, tmp_path: Path) -> None:
    arm = str(written(tmp_path / "arm.tar", single(image([layer(8, 1000)], "arm64"))))
    refused = site.whisklab("images", "push", site.name, arm, "lab/arm")
    assert refused.code == 2
    assert "lab/arm:latest is for arm64, and the nodes are amd64" in refused.output
    big = str(written(tmp_path / "big.tar", single(image([layer(9, 40 * MB)]))))
    fill = f'fallocate -l $(( $(stat -f -c "%a * %S" {DATA}) - 30000000 )) {DATA}/filled'
    site.root("storage", fill)
    try:
        full = site.whisklab("images", "push", site.name, big, "lab/big")
    finally:
        site.root("storage", f"rm {DATA}/filled")
    assert full.code == 1
    assert f"storage: {DATA}: 58 MB are needed, and" in full.output


def test_garbage_goes_beside_a_push_and_images_are_taken_afterwards(
    site: Site, tmp_path: Path
) -> None:
    made = image([layer(10, 30 * MB)])
    source = str(written(tmp_path / "beside.tar", single(made)))
    old = str(written(tmp_path / "old.tar", single(image([layer(11, 5 * MB)]))))
    (gone,) = pushed(site, old, "lab/gone:1")
    assert site.whisklab("images", "rm", site.name, "lab/gone:1", "--yes").code == 0
    there = f"ls {DATA}/docker/registry/v2/blobs/sha256/*/ | grep -c {gone['digest'][7:]} || true"
    assert site.root("storage", there).strip() == "1"
    argv = (".venv/bin/whisklab", "images", "push", site.name, source, "lab/beside:1")
    with background(site, *argv) as push:
        collected = site.whisklab("images", "gc", site.name, "--yes")
        said, _ = push.communicate(timeout=120)
    assert push.returncode == 0, said
    assert collected.code == 0, collected.output
    assert f"lab/gone@{gone['digest']}" in collected.output
    assert site.root("storage", there).strip() == "0"
    assert takes_images(site)
    assert pulled(site, "worker1", "lab/beside:1") == made.digest == digest(made.manifest)


def test_the_end_of_garbage_collection_needs_neither_the_laptop_nor_the_script(
    site: Site, tmp_path: Path
) -> None:
    old = str(written(tmp_path / "old.tar", single(image([layer(12, MB)]))))
    pushed(site, old, "lab/gone:2")
    assert site.whisklab("images", "rm", site.name, "lab/gone:2", "--yes").code == 0
    stopped = f"for i in $(seq 600); do systemctl -q is-active {PUSHES} || exit 0; sleep 0.05; done"
    argv = (".venv/bin/whisklab", "images", "gc", site.name, "--yes")
    with background(site, *argv) as collect:
        site.root("storage", f"({stopped}; exit 1) && systemctl kill -s KILL {COLLECTS}")
        collect.kill()
    until("the service takes images again", lambda: takes_images(site))
    done = site.whisklab("images", "gc", site.name, "--yes")
    assert done.code == 0, done.output
    assert "lab/gone@" in done.output
    assert takes_images(site)
