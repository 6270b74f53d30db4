"""A bundle into a closed network: bare machines, one file, and nobody else is asked for anything.

The sources are served on loopback of this machine and gone before the deploy; what the hosts send
out of their own network is counted where it would leave it.
"""

from __future__ import annotations

import io
import json
import re
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploys.base.settings import BaseSettings
from tests.contract.bundle.debs import DebArchive
from tests.contract.bundle.upstream import Upstream, serving
from tests.contract.registry.making import Made
from tests.e2e.bare import bare
from tests.e2e.cluster.outside import NOWHERE, counted, counted_by_ssh, left
from tests.e2e.cluster.rebooting import reboot
from tests.e2e.cluster.site import Site
from tests.e2e.cluster.waiting import until
from tests.e2e.openwhisk.registry import pulled
from whisklab.lab.providers.nspawn.image_files import REPOSITORY
from whisklab.lab.standins.cache import architecture

pytestmark = pytest.mark.e2e

NODES = ("master", "worker1", "worker2")
PROGRAM = "/usr/local/bin/k3s"
SIGN_OF_LIFE, QUESTIONS = 10_000, 300_000  # bytes of a run that sends no artifact to a host
ARCHIVES = "/var/lib/rancher/k3s/agent/images"
# What a chart would name that no bundle has, of an upstream that no setting names.
UNKNOWN = f"{NOWHERE}:5000/team/unknown:1"
UPSTREAMS = ("docker.io", "quay.io", "registry.k8s.io")
CATALOGUE = "files/closed.yaml"
_NAMES_IT = f"""
for _group in _groups.values():
    for _, _data in _group:
        _data["catalogue"] = "{CATALOGUE}"
"""
REGISTRY = "base,authority,registry"
PROVISIONER = "sig-storage/nfs-subdir-external-provisioner:v4.0.2"
CONTROLLER = "openwhisk/controller:ef725a6"
RUNTIME = "openwhisk/action-nodejs-v14:1.20.0"
# A package that nobody else has, what it depends on, and what hosts have already.
WANTED, LIBRARY = "whisklab-probe", "whisklab-probe-lib"
THERE = ("curl", "python3")
HOST = "worker1"
BASE = BaseSettings().packages
_RELATIONS = re.compile(r"^(?:Pre-)?Depends: (.*)$", re.MULTILINE)
_NAME = re.compile(r"(?:^|[,|] *)([a-z0-9][a-z0-9+.-]+)")
OFFLINE = "offline = True\n"
_FOLLOWS = ("k3s_airgap_images", "openwhisk_offline")  # from it, and is not said beside it
SOURCES = "find /etc/apt -type f -exec sha256sum {} +"
IMPLIED = "".join(f"{each} = True\n" for each in _FOLLOWS)


def images(archive: Path) -> Iterator[tuple[str, str, Made]]:
    """The repository, tag and content of each image of an OCI archive."""
    with tarfile.open(archive) as opened:
        files = {each.name: file.read() for each in opened if (file := opened.extractfile(each))}

    def blob(digest: str) -> bytes:
        return files[f"blobs/{digest.replace(':', '/')}"]

    for entry in json.loads(files["index.json"])["manifests"]:
        _, _, name = entry["annotations"]["io.containerd.image.name"].partition("/")
        repository, _, tag = name.rpartition(":")
        manifest = blob(entry["digest"])
        found = json.loads(manifest)
        parts = [found["config"], *found["layers"]]
        blobs = {each["digest"]: blob(each["digest"]) for each in parts}
        yield repository, tag, Made(manifest, blobs, architecture())


def served(upstream: Upstream, catalogue: dict[str, Any]) -> dict[str, Any]:
    """The lab's catalogue with addresses of the network; its images are in a registry there."""
    for product, found in catalogue.items():
        for version, names in found["versions"].items():
            for each in names.pop("images", {}).values():
                for repository, tag, image in images(path_of(each)):
                    upstream.put(repository, tag, image)
            for name, kinds in names.items():
                for each in kinds.values():
                    path = path_of(each)
                    there = f"/{product}/{version}/{name}/{path.name}"
                    upstream.files[there] = path.read_bytes()
                    each["url"] = f"{upstream.url}{there}"
    return catalogue


def packages(site: Site, upstream: Upstream, directory: Path) -> DebArchive:
    """An archive with what deploys install, as the lab's image has it for apt.

    What these depend on and each host has is there by name and version only: nobody installs it.
    """
    found = DebArchive(upstream, directory)
    found.add(WANTED, "1:1.0~a+b", Depends=f"{LIBRARY} (>= 2)")
    found.add(LIBRARY, "2", Architecture=architecture())
    for path in fetched(site, directory / "image"):
        found.keep(path)
    stanzas = "\n".join(found.stanzas.values())
    named = {each for line in _RELATIONS.findall(stanzas) for each in _NAME.findall(line)}
    for name, version, provides in installed(site):
        wanted = named | {*BASE, *THERE}
        if wanted & {name, *_NAME.findall(provides)} and f"Package: {name}\n" not in stanzas:
            found.add(name, version, **({"Provides": provides} if provides else {}))
    found.publish(architectures=[architecture()])
    return found


def fetched(site: Site, directory: Path) -> list[Path]:
    """The packages that the lab's image has for apt."""
    directory.mkdir(parents=True)
    argv = [*site.ssh_command(HOST), "tar", "-C", f"/{REPOSITORY}", "-cf", "-", "."]
    sent = subprocess.run(argv, stdout=subprocess.PIPE, check=True).stdout
    with tarfile.open(fileobj=io.BytesIO(sent)) as archive:
        archive.extractall(directory, filter="data")
    return sorted(directory.glob("*.deb"))


def installed(site: Site) -> list[list[str]]:
    """Name, version and what it provides of each package of a host."""
    form = r"${Package}\t${Version}\t${Provides}\n"
    lines = site.ssh(HOST, "dpkg-query", "-W", "-f", form).splitlines()
    return [line.split("\t") for line in lines]


def path_of(artifact: dict[str, str]) -> Path:
    return Path(artifact["url"].removeprefix("file://"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, lab_name: str, test_file: str) -> Iterator[Site]:
    """The copy with its lab up, and nothing on it; its data say that the network is closed."""
    with bare(tmp_path_factory.mktemp("site"), lab_name, test_file) as made:
        data = made.directory / f"group_data/{made.name}.py"
        lines = data.read_text().splitlines(keepends=True)
        kept = [line for line in lines if not line.startswith(_FOLLOWS)]
        assert len(lines) - len(kept) == len(_FOLLOWS)
        data.write_text("".join(kept) + OFFLINE)
        counted(made)
        yield made


@pytest.fixture(scope="module")
def bundle(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The environment's bundle; what it was made of is gone."""
    directory = tmp_path_factory.mktemp("outside")
    path = directory / "closed.bundle"
    with serving(Upstream()) as upstream:
        lab = yaml.safe_load(Path(site.lab["catalogue"]).read_text())
        (site.directory / CATALOGUE).write_text(yaml.safe_dump(served(upstream, lab)))
        inventory = site.directory / site.inventory
        inventory.write_text(inventory.read_text() + _NAMES_IT)
        system = site.ssh(
            "worker1", "sh", "-c", '. /etc/os-release; echo "$ID-$VERSION_ID"'
        ).strip()
        source = packages(site, upstream, directory / "debs").line()
        with (site.directory / f"group_data/{site.name}.py").open("a") as file:
            file.write(f"bundle_mirrors = {dict.fromkeys(UPSTREAMS, upstream.url)}\n")
            file.write(f"bundle_packages = {{{system!r}: [{source!r}]}}\n")
            file.write(f"base_packages = {[*BASE, WANTED]}\n")
        arch = ("--arch", architecture(), "--system", system)
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


def apply(site: Site, *arguments: str) -> None:
    done = site.whisklab("apply", site.name, *arguments)
    assert done.code == 0, done.output


def running(site: Site) -> dict[str, str]:
    """When each container began."""
    return {
        each["containerID"]: each["state"]["running"]["startedAt"]
        for pod in site.objects("pods", "-A")
        for each in pod["status"].get("containerStatuses", [])
        if "running" in each["state"]
    }


def settled(site: Site) -> bool:
    """Whether no pod is on its way: each has ended, or all of it is ready."""
    return all(
        pod["status"]["phase"] in {"Succeeded", "Failed"}
        or all(each["ready"] for each in pod["status"].get("containerStatuses", [{"ready": False}]))
        for pod in site.objects("pods", "-A")
    )


def pull(site: Site, image: str) -> str:
    return site.root("worker1", f"crictl pull {image} 2>&1", check=False)


def test_an_upload_to_bare_machines_fills_the_cache_and_says_how_to_make_the_registry(
    bundle: Path, inside: Site
) -> None:
    done = inside.whisklab("bundle", "upload", str(bundle), inside.name)
    assert done.code == 2, done.output
    assert f"whisklab apply {inside.name} --only {REGISTRY}" in done.output
    sources = {host: inside.root(host, SOURCES) for host in inside.hosts}
    apply(inside, "--only", REGISTRY)
    for host in inside.hosts:
        assert inside.root(host, f"cat /opt/{WANTED} /opt/{LIBRARY}").split() == ["1:1.0~a+b", "2"]
        assert inside.root(host, "ls /var/lib/whisklab/packages 2>&1 || true").startswith("ls: ")
        assert inside.root(host, SOURCES) == sources[host]
        asked = inside.root(host, "systemctl start apt-daily; systemctl show apt-daily")
        assert {"LoadState=loaded", "ConditionResult=no"} <= set(asked.splitlines())


def test_an_upload_brings_files_and_images_and_a_second_one_sends_nothing(
    bundle: Path, inside: Site
) -> None:
    first = upload(inside, bundle)
    assert first["files"]["brought"] == 0  # the one before has brought them
    names = {each["name"] for each in first["images"]}
    assert {PROVISIONER, CONTROLLER, RUNTIME} <= names
    assert first["sent"] == sum(each["sent"] for each in first["images"]) > 10_000_000
    again = upload(inside, bundle)
    assert (again["files"]["brought"], again["sent"]) == (0, 0)
    assert again["skipped"] >= first["sent"]


@pytest.mark.usefixtures("bundle")
def test_the_whole_platform_comes_from_the_bundle_and_nothing_leaves_the_network(
    inside: Site,
) -> None:
    apply(inside)
    verify = inside.whisklab("verify", inside.name)
    assert verify.code == 0, verify.output
    assert "hello.js by wsk" in verify.output
    for node in NODES:  # k3s's own came with it
        held = inside.root(node, f"ls {ARCHIVES}").split()
        assert held, node
        assert all(each.startswith("k3s-airgap") for each in held), held
    given = {name for _, name in pulled(inside)}
    assert {each.rpartition(":")[0] for each in (PROVISIONER, CONTROLLER, RUNTIME)} <= given
    refused = pull(inside, UNKNOWN)
    assert "not found" in refused, refused
    plan = inside.whisklab("plan", inside.name, "--json")
    assert plan.code == 0, plan.output
    assert json.loads(plan.stdout)["changes"] == []
    sent = counted_by_ssh(inside, *inside.hosts)
    apply(inside)
    assert SIGN_OF_LIFE < sent() < QUESTIONS * len(inside.hosts)
    assert left(inside) == {}


@pytest.mark.usefixtures("bundle")
def test_to_a_machine_that_was_reset_nothing_is_sent_again(inside: Site) -> None:
    """Its k3s comes back from what it has kept, images of pods from the registry inside."""
    node = "worker2"
    size = int(inside.root(node, f"du -bc {PROGRAM} {ARCHIVES}/* | tail -n 1").split()[0])
    inside.root(node, "systemctl disable k3s-agent")
    reboot(inside, node)  # nothing of a pod is mounted any more
    inside.root(node, f"rm -rf {PROGRAM} /var/lib/rancher/* /etc/rancher /etc/systemd/system/k3s*")
    for each in Path(inside.environment["XDG_CACHE_HOME"]).glob("whisklab/artifacts/*/k3s*"):
        each.unlink()  # nor does the laptop need it
    sent = counted_by_ssh(inside, node)
    apply(inside)
    assert SIGN_OF_LIFE < sent() < size / 100, (sent(), size)
    assert inside.objects("nodes", "-l", f"kubernetes.io/hostname={node}")
    verify = inside.whisklab("verify", inside.name)
    assert verify.code == 0, verify.output


@pytest.mark.usefixtures("bundle")
def test_without_the_setting_the_counter_sees_who_is_asked_and_no_pod_restarts(
    inside: Site,
) -> None:
    data = inside.directory / f"group_data/{inside.name}.py"
    data.write_text(data.read_text().replace(OFFLINE, IMPLIED))
    until("no pod is on its way any more", lambda: settled(inside))
    before = running(inside)
    apply(inside)
    assert running(inside) == before
    assert "not found" not in pull(inside, UNKNOWN)
    assert left(inside)[NOWHERE] > 0


def test_of_a_bundle_nothing_goes_that_is_in_use_or_kept_or_not_agreed_to(
    bundle: Path, inside: Site
) -> None:
    before = inside.whisklab("images", "list", inside.name, "--json").stdout
    asked = inside.whisklab("bundle", "remove", str(bundle), inside.name)
    assert asked.code == 2, asked.output
    assert f"{CONTROLLER}: is in use by " in asked.output
    assert "there is no terminal to ask at, say --yes" in asked.output
    kept = ("--keep", str(bundle), "--yes")
    done = inside.whisklab("bundle", "remove", str(bundle), inside.name, *kept)
    assert (done.code, done.stdout.splitlines()[-1:]) == (0, ["nothing to remove"]), done.output
    assert inside.whisklab("images", "list", inside.name, "--json").stdout == before
