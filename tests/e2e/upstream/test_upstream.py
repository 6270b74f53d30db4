"""`make lab` without a network, and with one that has servers in upstream's place."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.e2e import bases
from tests.e2e.upstream.network import Inside, network
from tests.e2e.upstream.servers import REGISTRY, SOURCES, Upstream
from whisklab.paths import cache_dir

pytestmark = pytest.mark.e2e

# What stands before the registry's name here: containerd asks ours in the place of these.
DATA = f"""
k3s_registries = {{"mirrors": {{
    name: {{"endpoint": ["{REGISTRY}"]}} for name in ("docker.io", "quay.io", "registry.k8s.io")
}}}}
openwhisk_sources_url = "{SOURCES}"  # in the place of GitHub: the stand-in's jobs clone nothing
"""


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Upstream:
    return Upstream(tmp_path_factory.mktemp("upstream"))


@pytest.fixture(scope="module")
def inside() -> Iterator[list[str]]:
    with network() as argv:
        yield argv


@pytest.fixture(scope="module")
def site(
    tmp_path_factory: pytest.TempPathFactory, lab_name: str, inside: list[str], upstream: Upstream
) -> Iterator[Inside]:
    """A fresh copy of the repository with its own topology, and a catalogue of our servers."""
    bases.ready("platform")  # the image of the hosts is there then: inside nobody could fetch it
    directory = tmp_path_factory.mktemp("site")
    made = Inside(directory, lab_name, inside)
    made.environment |= {
        "XDG_CACHE_HOME": str(cache_dir().parent),
        "XDG_STATE_HOME": str(bases.STATE),
    }
    made.copy_repository(catalogue="auto")
    (directory / ".venv").symlink_to(Path(sys.executable).parents[1])
    with (directory / f"group_data/{lab_name}.py").open("a") as file:
        file.write(DATA)
    catalogue = directory / "files/catalogue.yaml"
    catalogue.write_text(upstream.catalogue(catalogue.read_text()))
    catalogue.with_suffix(".lock.yaml").unlink()  # of other bytes
    try:
        yield made
    finally:
        assert made.whisklab("down", lab_name).code == 0


def test_without_a_network_stand_ins_are_used(site: Inside) -> None:
    up = site.whisklab("up", site.name)
    assert up.code == 0, up.output
    assert re.search(r"^artifacts: stand-ins, .* \(upstream does not answer\)$", up.output, re.M)
    assert site.ssh("master", "cat", "/etc/resolv.conf") == ""
    down = site.whisklab("down", site.name)
    assert down.code == 0, down.output


def test_with_one_everything_comes_from_upstream(site: Inside, upstream: Upstream) -> None:
    catalogue = site.directory / "files/catalogue.yaml"
    known = upstream.fill(catalogue.read_text())
    with upstream.serving(site.inside):
        done = site.run("make", "lab", f"LAB={site.name}", timeout=bases.MAKE_LAB_WITHIN)
        assert done.code == 0, done.output
        why = "artifacts: upstream (it answers, so the hosts have a way out)"
        assert why in done.output.splitlines()
        asked = upstream.requests.read_text()
        plan = site.whisklab("plan", site.name)
        assert plan.code == 0, plan.output
        assert upstream.requests.read_text() == asked  # nothing is asked twice
    assert_locked(catalogue, known)
    assert_pulled(site, upstream)


def assert_locked(catalogue: Path, known: dict[str, str]) -> None:
    """The lock that a run has written has the checksum of each file that there is for this lab."""
    wanted = yaml.safe_load(catalogue.read_text())
    lock = yaml.safe_load(catalogue.with_suffix(".lock.yaml").read_text())
    found = {
        source["url"]: lock[product][version][artifact][kind]["sha256"]
        for product, entry in wanted.items()
        for version, artifacts in entry["versions"].items()
        for artifact, places in artifacts.items()
        for kind, source in places.items()
        if kind in lock.get(product, {}).get(version, {}).get(artifact, {})
    }
    assert found.items() <= known.items()
    # The jobs' sources are theirs to fetch; a run locks what it has fetched itself.
    theirs = {url for url in known if "/archive/" in url and "deploy-kube" not in url}
    missing = sorted(known.keys() - found.keys() - theirs)
    assert missing == []


def assert_pulled(site: Inside, upstream: Upstream) -> None:
    """Each image of a pod that k3s does not bring itself was pulled by the hosts."""
    pulled = set(re.findall(r'"GET /v2/(\S+)/manifests/', upstream.pulls.read_text()))
    images = {
        container["image"]
        for pod in site.objects("pods", "-A")
        for container in pod["spec"]["containers"]
        if pod["metadata"]["namespace"] != "kube-system"
    }
    names = {re.sub(r"^(docker\.io|quay\.io|registry\.k8s\.io)/", "", each) for each in images}
    repositories = {name.partition(":")[0] for name in names}
    there = {name if "/" in name else f"library/{name}" for name in repositories}
    assert there
    assert there <= pulled, os.linesep.join(sorted(there - pulled))
