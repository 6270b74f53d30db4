"""What is changed in the cluster by hand is named by a plan and put back by one run."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import Callable
from itertools import islice

import pytest

from tests.e2e.cluster.site import Site
from tests.e2e.openwhisk.asking import components
from tests.e2e.openwhisk.mutations import Mutation, alone, drawn, make

pytestmark = pytest.mark.e2e

COUNT = 30
# Operations that put objects back, and what then waits.
MENDING = {
    "openwhisk | Release owdev",
    "openwhisk | Functions can be invoked",
    "provisioner | Release openwhisk-nfs",
    "provisioner | Default storage class",
    "k3s: cluster | What k3s brings itself",
}


def planned(site: Site) -> dict[str, list[str]]:
    """What a plan names: operation to reasons; it must find something, and nothing be wrong."""
    plan = site.whisklab("plan", site.name, "--json")
    assert plan.code == 3, plan.output
    found = json.loads(plan.stdout)
    assert not found["errors"]
    return {each["operation"]: each["reasons"] for each in found["changes"]}


def touched(chosen: list[Mutation]) -> set[str]:
    """Names of objects whose pods may be new afterwards; an account's are called as it is."""
    kinds = {"Deployment", "StatefulSet", "Pod", "ServiceAccount"}
    return {each.name for each in chosen if each.kind in kinds}


def test_what_is_drawn_is_named_and_put_back_at_once(
    site: Site, record_property: Callable[[str, object], None]
) -> None:
    seed = int(os.environ.get("SEED") or secrets.randbelow(100000))
    chosen = drawn(site, seed, COUNT)
    assert len(chosen) == COUNT
    said = f"drift: seed {seed}: {', '.join(map(str, chosen))}"
    record_property("said", said)
    print(said)
    before = components(site)
    mended(site, chosen)
    after = components(site)
    kept = {name for name in before if not name.startswith(tuple(touched(chosen)))}
    assert {name: after.get(name) for name in kept} == {name: before[name] for name in kept}


@pytest.mark.soak
def test_each_change_alone_on_its_object(site: Site, subtests: pytest.Subtests) -> None:
    """All rounds, or those from the one on that the variable FROM names: it takes an hour."""
    first = int(os.environ.get("FROM") or 0)
    # Each round is chosen when it begins: what is renamed stays beside what is put back.
    for number, chosen in islice(enumerate(alone(site)), first, None):
        with subtests.test(f"round {number}"):
            print("\n".join(map(str, chosen)))
            mended(site, chosen)


def mended(site: Site, chosen: list[Mutation]) -> None:
    """Make these changes: a plan names each, one run puts all back."""
    make(site, chosen)
    plan = planned(site)
    assert set(plan) <= MENDING
    named = " ".join(reason for reasons in plan.values() for reason in reasons)
    assert [str(each) for each in chosen if each.object not in named] == []
    done = site.whisklab("apply", site.name)
    assert done.code == 0, done.output
    again = site.whisklab("plan", site.name)
    assert again.code == 0, again.output


def test_what_people_add_is_theirs(site: Site) -> None:
    where = ("-n", "openwhisk")
    site.kubectl("label", "deployment", "owdev-nginx", "theirs=yes", *where)
    site.kubectl("annotate", "service", "owdev-nginx", "theirs=yes", *where)
    site.kubectl("label", "storageclass", "nfs-client", "theirs=yes")
    site.kubectl("taint", "node", "worker2", "theirs=yes:PreferNoSchedule")
    site.kubectl("autoscale", "deployment", "owdev-alarmprovider", "--min=2", "--max=2", *where)
    site.kubectl("scale", "deployment", "owdev-alarmprovider", "--replicas=2", *where)
    site.kubectl("rollout", "status", "deployment", "owdev-alarmprovider", *where)
    plan = site.whisklab("plan", site.name)
    assert plan.code == 0, plan.output
    site.kubectl("delete", "hpa", "owdev-alarmprovider", *where)
    assert "spec.replicas is 2, not 1" in str(planned(site)["openwhisk | Release owdev"])
    assert site.whisklab("apply", site.name).code == 0


def test_what_stops_functions_is_seen_by_status_and_mended(site: Site) -> None:
    """Nothing of it was noticed before objects were compared."""
    where = ("-n", "openwhisk")
    site.kubectl("scale", "deployment", "coredns", "-n", "kube-system", "--replicas=0")
    site.kubectl("scale", "deployment", "owdev-nginx", *where, "--replicas=0")
    site.kubectl("delete", "service", "owdev-nginx", *where)
    site.kubectl("delete", "storageclass", "nfs-client")
    site.kubectl(
        "set", "image", "deployment", "-n", "nfs-provisioner", "--all", "*=nowhere.example/no:1"
    )
    # The tokens of their pods are void then, and no pod of an action can be made.
    site.kubectl("delete", "serviceaccount", "owdev-invoker", *where)
    site.kubectl("delete", "serviceaccount", "-n", "nfs-provisioner", "-l", "release=openwhisk-nfs")
    key = json.dumps({"data": {"system": "bXV0YXRlZA=="}})  # not that of the database
    site.kubectl("patch", "secret", "owdev-whisk.auth", *where, "-p", key)
    status = site.whisklab("status", site.name, "--json")
    assert status.code == 1, status.output
    found = json.loads(status.stdout)
    told = {each["name"]: each["detail"] for topic in ("k3s", "releases") for each in found[topic]}
    assert "Deployment/coredns: spec.replicas is 0, not 1" in told["packed"]
    assert "Service/owdev-nginx is not there" in told["owdev"]
    assert "ServiceAccount/owdev-invoker is not there" in told["owdev"]
    assert "StorageClass/nfs-client is not there" in told["openwhisk-nfs"]
    stages = {each["name"]: each["detail"] for each in found["openwhisk"]}
    assert stages["nginx"] == "it is scaled to 0"
    plan = planned(site)
    assert set(plan) <= MENDING
    assert len(plan) >= 3
    assert "Secret/owdev-whisk.auth: data.system differs" in plan["openwhisk | Release owdev"]
    done = site.whisklab("apply", site.name)
    assert done.code == 0, done.output
    # The invoker's pod is a new one, and an apply ends when the controller has tried it.
    verified = site.whisklab("verify", site.name)
    assert verified.code == 0, verified.output
    assert site.whisklab("plan", site.name).code == 0


def test_data_that_are_gone_are_named_with_claim_and_pods(site: Site) -> None:
    """A directory that somebody moved; then a storage host made anew. The last test of this lab."""
    claim = "owdev-couchdb-pvc"
    found = site.objects("pv")
    path = next(
        each["spec"]["nfs"]["path"] for each in found if each["spec"]["claimRef"]["name"] == claim
    )
    site.root("storage", f"mv {path} {path}.away")
    named = f"claim openwhisk/{claim} (used by openwhisk/owdev-couchdb-"
    for verb, code in (("status", 1), ("plan", 0), ("verify", 1)):
        done = site.whisklab(verb, site.name)
        assert done.code == code, done.output
        assert named in done.output, done.output
        assert f"its directory {path} is not there on 10.77.0.14" in done.output
        assert "claim openwhisk/owdev-kafka-pvc" not in done.output
    site.root("storage", f"mv {path}.away {path}")
    assert site.whisklab("status", site.name).code == 0
    assert site.whisklab("rebuild", site.name, "storage").code == 0
    applied = site.whisklab("apply", site.name)
    for done in (applied, site.whisklab("status", site.name)):
        assert all(
            f"claim openwhisk/{name}" in done.output
            for name in (claim, "owdev-kafka-pvc", "owdev-redis-pvc")
        ), done.output
