"""The private registry: nodes pull and only pull, accounts, certificates, switched off and on."""

from __future__ import annotations

import json
import re
import secrets
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.cluster.rebooting import boot
from tests.e2e.cluster.restarts import pods
from tests.e2e.cluster.site import Site
from tests.e2e.cluster.trial import saying
from tests.e2e.cluster.waiting import until

pytestmark = pytest.mark.e2e

NODES = ("master", "worker1", "worker2")
PULL, PUSH = "10.77.0.14:5000", "10.77.0.14:5001"
CA = "/etc/rancher/k3s/registry-ca.crt"
MAIN = "systemctl show -p MainPID k3s-agent"
CTR = f"ctr -n k8s.io images {{}} --tlscacert {CA} --user"
DOORS = ("whisklab-registry", "whisklab-registry-push")
DIRECTORY, IMAGES = "/etc/whisklab-registry", "/var/lib/whisklab-registry"
# An image of the lab's that runs for as long as one wants.
SOURCE = "registry.k8s.io/sig-storage/nfs-subdir-external-provisioner:v4.0.2"


def secret(site: Site, name: str) -> Path:
    return site.directory / ".secrets" / site.name / name


def pushed(site: Site, name: str) -> str:
    """Push an image of the master as `name:1`; return the name by which nodes pull it."""
    account = f"push:{secret(site, 'registry_push').read_text().strip()}"
    site.root("master", f"ctr -n k8s.io images tag {SOURCE} {PUSH}/{name}:1 && "
              f"{CTR.format('push')} {account} {PUSH}/{name}:1 >/dev/null")  # fmt: skip
    return f"{PULL}/{name}:1"


def pulled(site: Site, node: str, image: str) -> bool:
    """Whether a node's containerd pulls it, as the kubelet asks for it."""
    site.root(node, f"crictl rmi {image} >/dev/null 2>&1 || true")
    return "Image is up to date" in site.root(node, f"crictl pull {image} 2>&1", check=False)


@contextmanager
def pod(site: Site, image: str) -> Iterator[None]:
    """A pod on worker2 that must pull its image."""
    wish = {
        "apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pulled"},
        "spec": {"nodeName": "worker2", "restartPolicy": "Never", "containers": [
            {"name": "c", "image": image, "imagePullPolicy": "Always", "command": ["/bin/true"]},
        ]},
    }  # fmt: skip
    site.root("master", f"echo '{json.dumps(wish)}' | kubectl apply -f - >/dev/null")
    yield
    site.kubectl("delete", "pod", "pulled", "--grace-period=0", "--force")


def ran(site: Site) -> None:
    """Wait until the node has pulled the image of the pod (which may have another name, too)."""
    looks = ("get", "pod", "pulled", "-o", "jsonpath={.status.containerStatuses[0].imageID}")
    until("the node has pulled it", lambda: "@sha256:" in site.kubectl(*looks))


def answer(site: Site, node: str, url: str, account: str = "") -> str:
    """The status by which a door answers a node."""
    user = f"-u {account}" if account else ""
    ask = f"curl -s -o /dev/null -w '%{{http_code}}' --cacert {CA} {user} https://{url}"
    return site.root(node, ask, check=False)


def changes(site: Site, verb: str, code: int) -> set[tuple[str, str]]:
    """(host, operation) of what a run with --json names."""
    done = site.whisklab(verb, site.name, "--json")
    assert done.code == code, done.output
    found: list[dict[str, Any]] = json.loads(done.stdout)["changes"]
    return {(each["host"], each["operation"]) for each in found}


def test_each_node_pulls_what_was_pushed_and_a_pod_runs_on_it(site: Site) -> None:
    image = pushed(site, "lab/one")
    assert all(pulled(site, node, image) for node in NODES)
    with pod(site, image):
        ran(site)


def test_accounts_have_the_rights_of_their_door_and_no_others(site: Site) -> None:
    nodes = f"nodes:{secret(site, 'registry_pull').read_text().strip()}"
    push = f"push:{secret(site, 'registry_push').read_text().strip()}"
    for node in NODES:
        assert answer(site, node, f"{PULL}/v2/") == answer(site, node, f"{PUSH}/v2/") == "401"
        assert answer(site, node, f"{PULL}/v2/", "nodes:wrong") == "401"
        assert answer(site, node, f"{PULL}/v2/", nodes) == "200"
        assert answer(site, node, f"{PUSH}/v2/", nodes) == "401"
        assert answer(site, node, f"{PUSH}/v2/", push) == "200"
    for door, account in ((PULL, nodes), (PUSH, nodes), (PULL, push)):
        tagged = f"ctr -n k8s.io images tag --force {SOURCE} {door}/lab/refused:1"
        site.root("master", f"{tagged} && ! {CTR.format('push')} {account} {door}/lab/refused:1")
    assert "refused" not in site.root("storage", f"find {IMAGES} -type d")
    untrusted = site.root("storage", f"curl -sS https://{PULL}/v2/ 2>&1", check=False)
    assert "certificate" in untrusted  # no node, so it does not trust the authority


def test_nobody_else_on_its_machine_reads_images_or_keys(site: Site) -> None:
    places = f"{DIRECTORY} {IMAGES} /var/lib/whisklab/registry"
    assert int(site.root("storage", f"find {places} -type f | wc -l")) > 15
    look = f"setpriv --reuid=65534 --clear-groups find {places} -type f -readable"
    assert site.root("storage", f"{look} 2>/dev/null || true") == ""
    runs = site.root("storage", "ps -o user:30= -C whisklab-regist").split()
    assert set(runs) == {"whisklab-registry"}
    listening = site.root("storage", "ss -Hltn | awk '{print $4}'").split()
    assert {each for each in listening if each.endswith((":5000", ":5001"))} == {PULL, PUSH}


def test_another_password_and_a_mirror_reach_every_node_and_no_pod_restarts(site: Site) -> None:
    """The mirror lets an image be named as its chart does; no host has a way to Docker Hub."""
    image, before = pushed(site, "lab/rotated"), pods(site)
    with (site.directory / f"group_data/{site.name}.py").open("a") as data:
        data.write('registry_mirrors = ["docker.io"]\n')
    old = secret(site, "registry_pull").read_text().strip()
    served = site.root("storage", f"systemctl show -p MainPID {' '.join(DOORS)}")
    secret(site, "registry_pull").write_text(secrets.token_hex(24) + "\n")
    block = "iptables {} OUTPUT -p tcp --dport 5000 -j REJECT --reject-with tcp-reset"
    site.root("worker2", block.format("-I"))
    process = site.root("worker2", MAIN)
    refused = site.whisklab("apply", site.name)
    assert refused.code == 1, refused.output
    assert f"https://{PULL} does not answer worker2 (curl: (7) Failed to conn" in refused.output
    assert "so its k3s is not restarted for it" in refused.output
    assert site.root("worker2", MAIN) == process
    site.root("worker2", block.format("-D"))
    # Its file has the new password, and its containerd the old one.
    verify = site.whisklab("verify", site.name)
    assert verify.code == 1
    told = f"the container runtime of worker2 is not let in by https://{PULL}, though curl is ("
    assert re.search(re.escape(told) + r"[^)]*401", verify.output), verify.output
    assert not re.search("the container runtime of (master|worker1)", verify.output)
    changed = changes(site, "apply", 0)
    assert changed == {("worker2", "k3s: service | Service k3s-agent")}
    for node in NODES:
        assert pulled(site, node, image)
        assert pulled(site, node, "docker.io/lab/rotated:1")
        assert not pulled(site, node, "docker.io/lab/nobody-pushed:1")
    assert answer(site, "worker1", f"{PULL}/v2/", f"nodes:{old}") == "401"
    assert site.root("storage", f"systemctl show -p MainPID {' '.join(DOORS)}") == served
    assert pods(site) == before
    assert changes(site, "plan", 0) == set()


def test_its_machine_restarts_in_the_middle_of_a_deploy_while_a_pod_starts(site: Site) -> None:
    """It goes down as soon as the run has written the new accounts; the pod waits for it."""
    image, before = pushed(site, "lab/restarted"), pods(site)
    secret(site, "registry_pull").write_text(secrets.token_hex(24) + "\n")
    digest = f"sha256sum {DIRECTORY}/whisklab-registry.accounts"
    wait = f'a=$({digest}); while test "$a" = "$({digest})"; do sleep 0.1; done'
    first = boot(site, "storage")
    site.root("storage", f"systemd-run -q sh -c {shlex.quote(f'{wait}; systemctl reboot')}")
    refused = site.whisklab("apply", site.name)
    assert refused.code == 1, refused.output
    assert re.search(
        r"\[storage\] (storage is shutting down(, or its systemd does not answer)?: run again when "
        r"it is up|the SSH connection to storage is lost: see)", refused.output,
    )  # fmt: skip
    assert "stopped here, because of storage" in refused.output
    with pod(site, image):
        until("it is back", lambda: boot(site, "storage") not in ("", first))
        done = site.whisklab("apply", site.name)
        assert done.code == 0, done.output
        ran(site)
    assert all(pulled(site, node, image) for node in NODES)
    assert pods(site) == before
    assert changes(site, "plan", 0) == set()


def test_a_certificate_that_no_longer_fits_is_made_anew(site: Site) -> None:
    """The laptop's is of another authority, as after a mistake."""
    image, before = pushed(site, "lab/certified"), pods(site)
    for name in ("registry_certificate", "registry_key"):
        secret(site, name).write_text("not a certificate\n")
    changed = changes(site, "apply", 0)
    services = {("storage", f"registry: install | Service {door}") for door in DOORS}
    assert changed >= services
    assert {host for host, _ in changed} == {"storage", "master"}  # where the laptop's files are
    assert all(pulled(site, node, image) for node in NODES)
    assert pods(site) == before
    assert changes(site, "plan", 0) == set()


def test_switched_off_nothing_of_it_is_left_but_what_was_pushed(site: Site) -> None:
    image = pushed(site, "lab/kept")
    with saying(site, "registry_enabled = False"):
        done = site.whisklab("apply", site.name)
        assert done.code == 0, done.output
        assert changes(site, "plan", 0) == set()
        for node in NODES:
            assert site.root(node, f"ls {CA} /etc/rancher/k3s/registries.yaml || true") == ""
        left = f"ls {DIRECTORY} /etc/systemd/system/whisklab-registry* /usr/local/bin/whisklab-r*"
        assert site.root("storage", f"{left} 2>/dev/null || true").strip() == ""
        assert site.root("storage", "ss -Hltn | grep -c ':500[01]' || true").strip() == "0"
        assert "registry" not in site.whisklab("status", site.name).output.split()
    done = site.whisklab("apply", site.name)
    assert done.code == 0, done.output
    assert all(pulled(site, node, image) for node in NODES)
    assert changes(site, "plan", 0) == set()
