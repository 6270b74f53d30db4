"""A bundle into a closed network: uploaded, deployed with offline = True, and nobody else is asked.

The sources are served on loopback of this machine and gone before the deploy; what the hosts send
out of their own network is counted where it would leave it.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.bundle.upstream import Upstream, serving
from tests.contract.registry.making import Made
from tests.e2e.cluster.outside import NOWHERE, packets
from tests.e2e.cluster.site import Site
from tests.e2e.cluster.waiting import until
from tests.e2e.openwhisk.registry import pulled
from whisklab.lab.standins.cache import architecture

pytestmark = pytest.mark.e2e

NODES = ("master", "worker1", "worker2")
ARCHIVES = "/var/lib/rancher/k3s/agent/images"
REPOSITORY, TAG = "sig-storage/nfs-subdir-external-provisioner", "v4.0.2"
IMAGE = f"registry.k8s.io/{REPOSITORY}:{TAG}"
# What a chart would name that no bundle has, of an upstream that no setting names.
UNKNOWN = f"{NOWHERE}:5000/team/unknown:1"
CATALOGUE = "files/closed.yaml"
_NAMES_IT = f"""
for _group in _groups.values():
    for _, _data in _group:
        _data["catalogue"] = "{CATALOGUE}"
"""


def exported(site: Site, directory: Path) -> Made:
    """The provisioner's image as a node has it."""
    file = directory / "image.tar"
    export = f"ctr -n k8s.io images export /tmp/image.tar {IMAGE} && cat /tmp/image.tar"
    with file.open("wb") as out:
        argv = [*site.ssh_command("master"), "sudo", "sh", "-c", f"'{export}'"]
        subprocess.run(argv, stdout=out, check=True, timeout=120)
    with tarfile.open(file) as archive:
        files = {
            each.name: found.read() for each in archive if (found := archive.extractfile(each))
        }

    def blob(digest: str) -> bytes:
        return files[f"blobs/{digest.replace(':', '/')}"]

    manifest = blob(json.loads(files["index.json"])["manifests"][0]["digest"])
    if "manifests" in (index := json.loads(manifest)):
        manifest = blob(index["manifests"][0]["digest"])
    found = json.loads(manifest)
    parts = [found["config"], *found["layers"]]
    blobs = {each["digest"]: blob(each["digest"]) for each in parts}
    return Made(manifest, blobs, architecture())


def served(upstream: Upstream, catalogue: dict[str, Any]) -> dict[str, Any]:
    """The lab's catalogue with addresses of the network, and without archives of images."""
    for product, found in catalogue.items():
        for version, names in found["versions"].items():
            names.pop("images", None)
            for name, kinds in names.items():
                for each in kinds.values():
                    path = Path(each["url"].removeprefix("file://"))
                    there = f"/{product}/{version}/{name}/{path.name}"
                    upstream.files[there] = path.read_bytes()
                    each["url"] = f"{upstream.url}{there}"
    return catalogue


@pytest.fixture(scope="module")
def bundle(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The environment's bundle; what it was made of is gone."""
    directory = tmp_path_factory.mktemp("outside")
    image = exported(site, directory)
    data = site.directory / f"group_data/{site.name}.py"
    with serving(Upstream()) as upstream:
        upstream.put(REPOSITORY, TAG, image)
        lab = yaml.safe_load(Path(site.lab["catalogue"]).read_text())
        (site.directory / CATALOGUE).write_text(yaml.safe_dump(served(upstream, lab)))
        inventory = site.directory / site.inventory
        inventory.write_text(inventory.read_text() + _NAMES_IT)
        with data.open("a") as file:
            file.write(f'bundle_mirrors = {{"registry.k8s.io": "{upstream.url}"}}\n')
        path = directory / "closed.bundle"
        arch = ("--arch", architecture())
        with site.variables(XDG_CACHE_HOME=str(directory / "cache")):
            built = site.whisklab("bundle", "build", site.name, *arch, "-o", str(path))
    assert built.code == 0, built.output
    shutil.rmtree(directory / "cache")
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def inside(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The laptop inside: its cache is empty."""
    cache = tmp_path_factory.mktemp("inside")
    with site.variables(XDG_CACHE_HOME=str(cache)):
        yield site
    shutil.rmtree(cache)


def upload(site: Site, bundle: Path) -> dict[str, Any]:
    done = site.whisklab("bundle", "upload", str(bundle), site.name, "--json")
    assert done.code == 0, done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def provisioner(site: Site) -> list[dict[str, Any]]:
    return site.objects("pods", "-n", "nfs-provisioner")


def ready(pod: dict[str, Any]) -> bool:
    return all(each["ready"] for each in pod["status"].get("containerStatuses") or [{"ready": 0}])


def others(site: Site) -> dict[str, str]:
    """When each container but the provisioner's began."""
    return {
        each["containerID"]: each["state"]["running"]["startedAt"]
        for pod in site.objects("pods", "-A")
        if pod["metadata"]["namespace"] != "nfs-provisioner"
        for each in pod["status"]["containerStatuses"]
        if "running" in each["state"]
    }


def pull(site: Site, image: str) -> str:
    return site.root("worker1", f"crictl pull {image} 2>&1", check=False)


def test_an_upload_brings_files_and_images_and_a_second_one_sends_nothing(
    bundle: Path, inside: Site
) -> None:
    first = upload(inside, bundle)
    assert first["files"]["brought"] == first["files"]["total"] > 4
    (image,) = first["images"]
    assert image["name"] == f"{REPOSITORY}:{TAG}"
    assert first["sent"] == image["sent"] > 1_000_000
    again = upload(inside, bundle)
    assert (again["files"]["brought"], again["sent"]) == (0, 0)
    assert again["skipped"] == first["sent"]


@pytest.mark.usefixtures("bundle")
def test_without_the_setting_the_counter_sees_who_is_asked(site: Site) -> None:
    before = packets(site)
    assert "not found" not in pull(site, UNKNOWN)
    assert packets(site) > before


@pytest.mark.usefixtures("bundle")
def test_nodes_take_all_images_from_the_registry_and_nothing_leaves_the_network(
    inside: Site,
) -> None:
    """Nodes have no image of the provisioner; k3s's own are theirs, as they came with it."""
    data = inside.directory / f"group_data/{inside.name}.py"
    text = data.read_text()
    assert "k3s_airgap_images = True\n" in text
    data.write_text(text.replace("k3s_airgap_images = True\n", "") + "offline = True\n")
    for node in NODES:
        inside.root(node, f"find {ARCHIVES} -type f ! -name 'k3s-airgap*' -delete; "
                    f"crictl rmi {IMAGE} >/dev/null 2>&1 || true")  # fmt: skip
    running, left = others(inside), packets(inside)
    done = inside.whisklab("apply", inside.name)
    assert done.code == 0, done.output
    assert others(inside) == running  # k3s restarts, and no pod does
    (old,) = provisioner(inside)
    inside.kubectl("-n", "nfs-provisioner", "delete", "pod", old["metadata"]["name"])
    until("its image is pulled", lambda: [each for each in provisioner(inside)
          if each["metadata"]["uid"] != old["metadata"]["uid"] and ready(each)])  # fmt: skip
    assert REPOSITORY in {name for _, name in pulled(inside)}
    refused = pull(inside, UNKNOWN)
    assert "not found" in refused, refused
    verify = inside.whisklab("verify", inside.name)
    assert verify.code == 0, verify.output
    assert packets(inside) == left
    plan = inside.whisklab("plan", inside.name, "--json")
    assert plan.code == 0, plan.output
    assert json.loads(plan.stdout)["changes"] == []
