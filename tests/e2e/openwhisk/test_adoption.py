"""A second laptop, or one that has lost its files: what the running platform has is taken over."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.cluster.site import Site
from tests.e2e.cluster.waiting import until
from whisklab.engine.registries.secrets import NAMES as REGISTRY
from whisklab.engine.tls.issuer import NAMES as AUTHORITY

pytestmark = pytest.mark.e2e

KEPT = {"master: Secrets on the laptop", "master: k3s: cluster | Kubeconfig on the laptop"}
CERTIFIED = (*AUTHORITY, *REGISTRY, "openwhisk_certificate", "openwhisk_key")
NODES = ("master", "worker1", "worker2")


def kept(site: Site) -> dict[str, bytes]:
    """Name and content of what the laptop keeps of the environment."""
    return {path.name: path.read_bytes() for path in directory(site).iterdir()}


def directory(site: Site) -> Path:
    """Where it keeps them."""
    return site.directory / ".secrets" / site.name


def data(site: Site) -> Path:
    """The data of the environment."""
    return site.directory / f"group_data/{site.name}.py"


def on_hosts(site: Site) -> dict[str, str]:
    """Digests of the token's file on the nodes, and of whom wsk talks to."""
    files = "sha256sum /etc/rancher/k3s/cluster-token; sha256sum /root/.wskprops 2>&1 || true"
    return {name: site.root(name, files) for name in NODES}


def planned(site: Site, code: int) -> set[str]:
    """What a plan names, with its exit code."""
    plan = site.whisklab("plan", site.name, "--json")
    assert plan.code == code, plan.output
    changes = json.loads(plan.stdout)["changes"]
    return {f"{each['host']}: {each['operation']}" for each in changes}


def test_keys_that_the_data_no_longer_say_are_those_of_the_running_one(site: Site) -> None:
    """The lab has the chart's public ones until now."""
    assert set(kept(site)) == {"k3s_token", "kubeconfig", *CERTIFIED}
    with data(site).open("a") as file:
        file.write("openwhisk_public_credentials = False\n")
    assert planned(site, 3) == {"master: Secrets on the laptop"}
    assert set(kept(site)) == {"k3s_token", "kubeconfig", *CERTIFIED}  # a plan writes nothing
    adopted = site.whisklab("adopt", site.name)
    assert adopted.code == 0, adopted.output
    assert planned(site, 0) == set()


def test_each_lost_file_alone_is_taken_over(site: Site) -> None:
    before, hosts = kept(site), on_hosts(site)
    assert set(before) == {
        "k3s_token", "kubeconfig", "openwhisk_db_password", "openwhisk_guest_auth",
        "openwhisk_system_auth", *CERTIFIED,
    }  # fmt: skip
    # Each of the others by itself: test_registry.py and test_issuer.py of tests/unit/engine.
    for name in sorted(set(before) - {*REGISTRY, "ca_certificate", "openwhisk_key"}):
        (directory(site) / name).unlink()
        assert planned(site, 3) <= KEPT
        assert name not in kept(site)  # a plan writes nothing
        adopted = site.whisklab("adopt", site.name)
        assert adopted.code == 0, adopted.output
        assert kept(site) == before, name
        assert name == "kubeconfig" or name in adopted.output
        assert before[name].decode().strip() not in adopted.output
    assert planned(site, 0) == set()
    assert on_hosts(site) == hosts


def test_all_of_them_lost_apply_takes_them_over_and_changes_no_host(site: Site) -> None:
    before, hosts, looks = kept(site), on_hosts(site), site.snapshots()
    for path in directory(site).iterdir():
        path.unlink()
    with site.variables(XDG_CACHE_HOME=str(site.directory / "no-cache")):
        assert planned(site, 3) <= KEPT
        assert kept(site) == {}
    done = site.whisklab("apply", site.name, "--json")
    assert done.code == 0, done.output
    changes = json.loads(done.stdout)["changes"]
    assert {f"{each['host']}: {each['operation']}" for each in changes} <= KEPT
    assert kept(site) == before
    assert on_hosts(site) == hosts
    assert site.snapshots() == looks
    for name, service in zip(NODES, ("k3s", "k3s-agent", "k3s-agent"), strict=True):
        site.root(name, f"systemctl restart {service}")
    assert planned(site, 0) == set()
    # A plan does not see that pods have no network for a moment after their node's k3s began.
    until("functions answer", lambda: site.whisklab("verify", site.name).code == 0)


def test_others_than_the_running_ones_are_refused_before_anything_is_sent(site: Site) -> None:
    before, hosts = kept(site), on_hosts(site)
    others = {
        "k3s_token": "0" * 64,
        "openwhisk_db_password": "not-of-this-cluster",
        "openwhisk_guest_auth": f"{'1' * 8}-{'2' * 4}-{'3' * 4}-{'4' * 4}-{'5' * 12}:{'k' * 64}",
        "openwhisk_system_auth": f"{'9' * 8}-{'2' * 4}-{'3' * 4}-{'4' * 4}-{'5' * 12}:{'k' * 64}",
    }
    for name, text in others.items():
        (directory(site) / name).write_text(text)
    plan = site.whisklab("plan", site.name)
    assert plan.code == 1, plan.output
    for name, text in others.items():
        assert f"{name}: another" in plan.output
        assert text not in plan.output
    for name in ("k3s_token", "openwhisk_db_password"):  # a run stops at the first one
        refused = site.whisklab("apply", site.name)
        assert refused.code == 1, refused.output
        assert f"{name}: another" in refused.output
        assert f"run `whisklab adopt {site.name}`" in refused.output
        (directory(site) / name).write_bytes(before[name])
        (directory(site) / "openwhisk_guest_auth").write_bytes(before["openwhisk_guest_auth"])
        (directory(site) / "openwhisk_system_auth").write_bytes(before["openwhisk_system_auth"])
    assert kept(site) == before
    assert on_hosts(site) == hosts
    text = data(site).read_text()
    data(site).write_text(f"{text}openwhisk_guest_auth = '{others['openwhisk_guest_auth']}'\n")
    refused = site.whisklab("plan", site.name)
    assert refused.code == 1, refused.output
    assert "openwhisk_guest_auth: another key of guest than the running" in refused.output
    data(site).write_text(text)
    assert planned(site, 0) == set()


CLAIM = "a claim keeps its class, its modes and at least its size"
SMALLER = {"persistence": {"size": "100Mi"}}


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('k3s_cluster_cidr = "10.52.0.0/16"', "cluster-cidr: master runs with 10.42.0.0/16, and"),
        ('k3s_service_cidr = "10.53.0.0/16"', "service-cidr: master runs with 10.43.0.0/16, and"),
        ('k3s_server_config = {"cluster-domain": "a.b"}', "cluster-domain: master runs with"),
        ('provisioner_path = "/var/nfs/other"', "are at 10.77.0.14:/var/nfs/kubedata, and a"),
        ('openwhisk_storage_class = "local-path"', CLAIM),
        (f"openwhisk_values = {{'db': {SMALLER}, 'kafka': {SMALLER}}}", CLAIM),
    ],
)
def test_what_cannot_change_in_place_is_refused_in_the_plan(
    site: Site, line: str, sentence: str
) -> None:
    before = data(site).read_text()
    data(site).write_text(f"{before}{line}\n")
    refused = site.whisklab("plan", site.name)
    data(site).write_text(before)
    assert refused.code == 1, refused.output
    assert sentence in refused.output
