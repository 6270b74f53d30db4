"""A bundle into a closed network: bare machines, one file, and nobody else is asked for anything.

The sources are served on loopback of this machine and gone before the deploy; what the hosts send
out of their own network is counted where it would leave it.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.contract.bundle.checkout import commit, git
from tests.contract.bundle.upstream import Upstream, serving
from tests.e2e.bare import bare
from tests.e2e.cluster.laptop import Laptop
from tests.e2e.cluster.laptop import inside as laptop_inside
from tests.e2e.cluster.network import BASE, HOST, LIBRARY, WANTED, packages, served
from tests.e2e.cluster.outside import NOWHERE, counted, counted_by_ssh, left
from tests.e2e.cluster.rebooting import reboot
from tests.e2e.cluster.site import Site
from tests.e2e.cluster.waiting import until
from tests.e2e.openwhisk.registry import HOST as HOLDER
from tests.e2e.openwhisk.registry import UNIT, pulled
from whisklab.bundle.tar import INSTALL
from whisklab.engine.artifacts.node_images import NodeImage, read
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
_SAYS = """
for _group in _groups.values():
    for _name, _data in _group:
        _data.update(catalogue={catalogue!r}, node_interface={cards!r}[_name])
"""
_ASK = """
import socket, struct
asked = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
asked.settimeout(20)
labels = b"".join(bytes([len(each)]) + each.encode() for each in {name!r}.split("."))
asked.sendto(struct.pack("!6H", 7, 0x100, 1, 0, 0, 0) + labels + bytes([0, 0, 1, 0, 1]),
             ({address!r}, 53))
print(asked.recv(512)[3] & 15)
"""
SERVFAIL = 2
# One machine has no gateway, so k3s would not start there.
LONELY, DEFAULT, DUMMY = "worker2", "ip route show default", "whisklab0"
REGISTRY = "base,authority,registry"
PROVISIONER = "sig-storage/nfs-subdir-external-provisioner:v4.0.2"
CONTROLLER = "openwhisk/controller:ef725a6"
BUSYBOX = "docker.io/library/busybox:1.36.1"
RUNTIME = "openwhisk/action-nodejs-v14:1.20.0"
OFFLINE = "offline = True\n"
_FOLLOWS = ("k3s_airgap_images", "openwhisk_offline")  # from it, and is not said beside it
SOURCES = "find /etc/apt -type f -exec sha256sum {} +"
IMPLIED = "".join(f"{each} = True\n" for each in _FOLLOWS)


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


def card(site: Site, host: Mapping[str, str]) -> str:
    """The network card that has a host's address."""
    said = site.root(host["name"], f"ip -o -4 addr show to {host['address']}")
    return said.split()[1].partition("@")[0]


@pytest.fixture(scope="module")
def bundle(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The environment's bundle; what it was made of is gone."""
    directory = tmp_path_factory.mktemp("outside")
    path = directory / "closed.bundle"
    with serving(Upstream()) as upstream:
        lab = yaml.safe_load(Path(site.lab["catalogue"]).read_text())
        (site.directory / CATALOGUE).write_text(yaml.safe_dump(served(upstream, lab)))
        inventory = site.directory / site.inventory
        cards = {each["name"]: card(site, each) for each in site.lab["hosts"]}
        inventory.write_text(inventory.read_text() + _SAYS.format(catalogue=CATALOGUE, cards=cards))
        system = site.ssh(
            "worker1", "sh", "-c", '. /etc/os-release; echo "$ID-$VERSION_ID"'
        ).strip()
        source = packages(site, upstream, directory / "debs").line()
        with (site.directory / f"group_data/{site.name}.py").open("a") as file:
            file.write(f"bundle_mirrors = {dict.fromkeys(UPSTREAMS, upstream.url)}\n")
            file.write(f"bundle_packages = {{{system!r}: [{source!r}]}}\n")
            file.write(f"base_packages = {[*BASE, WANTED]}\n")
            file.write("k3s_dummy_route = True\n")
        # Only what git tracks is carried, as from a user's checkout.
        git(site.directory, "init", "--quiet", "--initial-branch=main")
        (site.directory / ".git/info/exclude").write_text(".venv\n")  # a link here
        commit(site.directory)
        arch = ("--arch", architecture(), "--system", system)
        with site.variables(XDG_CACHE_HOME=str(directory / "cache")):
            built = site.whisklab("bundle", "build", site.name, *arch, "-o", str(path))
    assert built.code == 0, built.output
    shutil.rmtree(directory / "cache")
    yield path
    path.unlink()


@pytest.fixture(scope="module")
def inside(site: Site, bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """The laptop inside: no network, an empty cache, and whisklab from the bundle alone."""
    directory = tmp_path_factory.mktemp("inside")
    cache = directory / "cache"
    with (
        site.variables(XDG_CACHE_HOME=str(cache)),
        laptop_inside(site, directory / "laptop") as laptop,
    ):
        key = site.directory / f".secrets/{site.name}/bundle_key.pub"
        there = directory / "laptop"
        for argv in (
            ("tar", "xf", str(bundle), "-C", str(there), INSTALL),
            (
                "python3",
                str(there / INSTALL),
                str(bundle),
                str(laptop.directory),
                "--key",
                str(key),
            ),
        ):
            done = laptop.run(*argv)
            assert done.code == 0, done.output
        secrets = laptop.directory / f".secrets/{site.name}"
        secrets.mkdir(parents=True, mode=0o700)
        shutil.copy(key, secrets)
        yield laptop
    shutil.rmtree(directory)


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


def listed(site: Site) -> list[NodeImage]:
    """The images that nodes are given themselves."""
    return read(site.directory / f"inventories/{site.name}.images.json").images


def run_on(site: Site, node: str, image: str) -> None:
    """Have a pod of an image on a node, which ends well."""
    container = {"name": "c", "image": image, "imagePullPolicy": "IfNotPresent",
                 "command": ["/bin/true"]}  # fmt: skip
    wish = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "tried"},
        "spec": {"nodeName": node, "restartPolicy": "Never", "containers": [container]},
    }  # fmt: skip
    site.root("master", f"echo '{json.dumps(wish)}' | kubectl apply -f - >/dev/null")
    looks = ("get", "pod", "tried", "-o", "jsonpath={.status.phase}")
    try:
        until(f"{image} has run", lambda: site.kubectl(*looks) in {"Succeeded", "Failed"})
    finally:
        told = site.kubectl("describe", "pod", "tried")
        print(told)
    assert site.kubectl(*looks) == "Succeeded", told
    site.kubectl("delete", "pod", "tried", "--grace-period=0", "--force")


def looked_up(site: Site, node: str, name: str) -> int:
    """What the cluster's DNS answers to a question for a name's address: a code of RFC 1035."""
    (service,) = site.objects("service", "-n", "kube-system", "-l", "k8s-app=kube-dns")
    ask = _ASK.format(name=name, address=service["spec"]["clusterIP"])
    return int(site.ssh(node, "python3", "-c", ask))


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
    inside.root(LONELY, "ip route del default")
    apply(inside)
    verify = inside.whisklab("verify", inside.name)
    assert verify.code == 0, verify.output
    assert "hello.js by wsk" in verify.output
    assert f"dev {DUMMY} " in inside.root(LONELY, DEFAULT)
    for node in NODES:  # k3s's own came with it
        held = inside.root(node, f"ls {ARCHIVES}").split()
        assert held, node
        assert all(each.startswith("k3s-airgap") for each in held), held
    given = {name for _, name in pulled(inside)}
    assert {each.rpartition(":")[0] for each in (PROVISIONER, CONTROLLER, RUNTIME)} <= given
    refused = pull(inside, UNKNOWN)
    assert "not found" in refused, refused
    # Nor is anybody outside asked for a name, who would not answer.
    assert {looked_up(inside, node, "outside.example") for node in NODES} == {SERVFAIL}
    plan = inside.whisklab("plan", inside.name, "--json")
    assert plan.code == 0, plan.output
    assert json.loads(plan.stdout)["changes"] == []
    sent = counted_by_ssh(inside, *inside.hosts)
    apply(inside)
    assert SIGN_OF_LIFE < sent() < QUESTIONS * len(inside.hosts)
    assert left(inside) == {}


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


def test_without_a_registry_each_node_gets_the_images_themselves(
    bundle: Path, inside: Site
) -> None:
    """Switched off where all runs: no pod restarts. What nobody uses is taken back before."""
    data = inside.directory / f"group_data/{inside.name}.py"
    data.write_text(data.read_text().replace(IMPLIED, OFFLINE) + "registry_enabled = False\n")
    done, brought = upload(inside, bundle), listed(inside)
    assert done["archives"]["brought"] == len(brought)
    removed = inside.whisklab("bundle", "remove", str(bundle), inside.name, "--yes")
    assert removed.code == 0, removed.output
    assert f"docker.io/{CONTROLLER}: is in use by " in removed.output
    left_there = listed(inside)
    gone = [each for each in brought if each not in left_there]
    assert all(f"{each.name}, from the nodes" in removed.output for each in gone)
    for each in brought:
        (archive,) = each.archives.values()
        cached = Path(inside.environment["XDG_CACHE_HOME"], "whisklab/artifacts", archive.sha256)
        assert cached.exists() == (each in left_there), each.name
    inside.root(HOST, f"touch {ARCHIVES}/{gone[0].file}")  # as if it had come before
    until("no pod is on its way any more", lambda: settled(inside))
    before, outside = running(inside), left(inside)
    apply(inside)
    assert running(inside) == before
    assert not inside.root(HOLDER, f"systemctl is-active {UNIT} || true").startswith("active")
    names = {name for each in left_there for name in (each.name, each.by_digest)}
    files = {each.file for each in left_there}
    for node in NODES:
        held = inside.root(node, f"ls {ARCHIVES}").split()
        assert {each for each in held if not each.startswith("k3s-airgap")} == files
        assert names <= set(inside.root(node, "ctr -n k8s.io images ls -q").split())
    plan = inside.whisklab("plan", inside.name, "--json")
    assert plan.code == 0, plan.output
    assert json.loads(plan.stdout)["changes"] == []
    assert left(inside) == outside


@pytest.mark.usefixtures("bundle")
def test_to_a_machine_that_was_reset_nothing_is_sent_again(site: Site, inside: Laptop) -> None:
    """Its k3s and the images of pods come back from what it has kept."""
    node = LONELY
    size = int(inside.root(node, f"du -bc {PROGRAM} {ARCHIVES}/* | tail -n 1").split()[0])
    inside.root(node, "systemctl disable k3s-agent")
    reboot(site, node)  # nothing of a pod is mounted any more
    assert DUMMY not in inside.root(node, "ip route del default; ip route show default")
    inside.root(node, f"rm -rf {PROGRAM} /var/lib/rancher/* /etc/rancher /etc/systemd/system/k3s*")
    for each in Path(inside.environment["XDG_CACHE_HOME"]).glob("whisklab/artifacts/*/k3s*"):
        each.unlink()  # nor does the laptop need it
    sent = counted_by_ssh(inside, node)
    apply(inside)
    assert SIGN_OF_LIFE < sent() < size / 100, (sent(), size)
    assert inside.objects("nodes", "-l", f"kubernetes.io/hostname={node}")
    verify = inside.whisklab("verify", inside.name)
    assert verify.code == 0, verify.output
    (busybox,) = (each for each in listed(inside) if each.name == BUSYBOX)
    for image in (busybox.name, busybox.by_digest):
        run_on(inside, node, image)
