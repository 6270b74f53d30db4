"""The whole platform, taken down and restored: functions answer, and nothing had to be done."""

from __future__ import annotations

import json
import os
import re

import pytest

from tests.e2e import bases, running
from tests.e2e.cluster.site import Site
from tests.e2e.killed.points import noted, requests
from tests.e2e.openwhisk.asking import HELLO, components, create, invoke, wsk
from whisklab.lab.standins.k3s import DEFAULT_VERSION

pytestmark = pytest.mark.e2e

KEPT = "kept"
HELM = "helm --kubeconfig /etc/rancher/k3s/k3s.yaml"
BESIDE = 6  # requests: the nodes, the volumes, names and newest record of each release
KINDS = {"networkpolicy": "networkpolicies", "storageclass": "storageclasses"}


def verified(site: Site) -> None:
    """Require that functions answer, and that a plan is empty."""
    plan = site.whisklab("plan", site.name, "--json")
    assert plan.code == 0, plan.output
    done = site.whisklab("verify", site.name, "--json")
    assert done.code == 0, done.output
    checks = {each["check"] for each in json.loads(done.stdout)["checks"]}
    assert {"hello.js by wsk", "hello.py by its URL"} <= checks


def started(site: Site) -> dict[str, dict[str, str]]:
    """The services of each host, by their process and its start."""
    return {host: snapshot.services for host, snapshot in site.snapshots().items()}


def test_down_and_restored_it_is_as_it_was(site: Site) -> None:
    create(site, "before", HELLO, ".js")
    taken = site.whisklab("snapshot", site.name, KEPT)
    assert taken.code == 0, taken.output
    try:
        create(site, "after", HELLO, ".js")
        assert site.whisklab("down", site.name).code == 0
        listed = json.loads(site.whisklab("snapshots", site.name, "--json").stdout)
        assert [each["name"] for each in listed] == [KEPT]
        assert {f"k3s {DEFAULT_VERSION}", "owdev"} <= set(listed[0]["notes"]["deployed"])
        back = site.whisklab("restore", site.name, KEPT)
        assert back.code == 0, back.output
        assert "a plan is empty" in back.output
        verified(site)
        assert invoke(site, "before") == {"payload": "Hello, World!"}
        assert "after" not in wsk(site, "action", "list")
        before, pods = started(site), components(site)
        assert site.converge() == set()
        assert started(site) == before
        assert components(site) == pods
    finally:
        site.whisklab("snapshot", site.name, KEPT, "--delete")


def test_a_clone_beside_it_works_too_and_is_another(site: Site) -> None:
    clone = Site(site.directory, f"beside-{os.getpid()}")
    clone.environment = site.environment
    with running.noted(clone.name, bases.STATE):
        made = site.whisklab("clone", site.name, clone.name)
        assert made.code == 0, made.output
        assert "a plan is empty" in made.output
        secrets = clone.directory / ".secrets" / clone.name
        assert secrets.stat().st_mode & 0o777 == 0o700
        assert {path.stat().st_mode & 0o777 for path in secrets.iterdir()} == {0o600}
        verified(clone)
        create(clone, "only-here", HELLO, ".js")
        assert "only-here" not in wsk(site, "action", "list")
        handles = "cat /proc/fs/nfsd/exports | sed 's/^#.*//' | sort"
        assert clone.root("storage", handles) == site.root("storage", handles)
        assert clone.whisklab("down", clone.name).code == 0
    assert site.whisklab("plan", site.name).code == 0


def released(site: Site) -> set[str]:
    """The kinds of the objects of all releases, as their plurals are in paths."""
    found: set[str] = set()
    for each in json.loads(site.root("master", f"{HELM} list -A -o json")):
        manifest = site.root("master", f"{HELM} -n {each['namespace']} get manifest {each['name']}")
        found |= {line.split()[1].lower() for line in manifest.splitlines() if line[:5] == "kind:"}
    return {KINDS.get(kind, f"{kind}s") for kind in found}


def kind(request: str) -> str:
    """The plural of the kind that is asked for; of Helm's records, none."""
    found = re.fullmatch(r"GET /api[^?]*?/([a-z]+)(\?limit=500|\?field\S+|/owdev-\S+)?", request)
    return found[1] if found else ""


def test_a_second_run_asks_the_api_for_one_list_of_each_kind_and_little_else(site: Site) -> None:
    assert site.converge() == set()
    notes = site.directory / f"{site.name}.notes"
    argv = ("-m", "tests.e2e.killed.driver", str(notes), "-", "apply", site.name)
    done = site.run(".venv/bin/python", *argv)
    assert done.code == 0, done.output
    # As long as its machines have just been started, it also looks at all pods.
    made = [each for each in requests(notes) if each != "GET /api/v1/pods"]
    kinds = released(site)
    lists = [each for each in made if kind(each) in kinds]
    assert sorted(map(kind, lists)) == sorted(set(map(kind, lists)))
    assert len(made) - len(lists) <= BESIDE, sorted(set(made) - set(lists))
    for host in site.hosts:  # a lock, and a look
        assert len([each for each in noted(notes) if each.host == host]) == 2
