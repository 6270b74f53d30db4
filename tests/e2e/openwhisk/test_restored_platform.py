"""The whole platform, taken down and restored: functions answer, and nothing had to be done."""

from __future__ import annotations

import json
import os

import pytest

from tests.e2e import bases, running
from tests.e2e.cluster.site import Site
from tests.e2e.openwhisk.asking import HELLO, components, create, invoke, wsk

pytestmark = pytest.mark.e2e

KEPT = "kept"


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
        assert {"k3s v1.34.4+k3s1", "owdev"} <= set(listed[0]["notes"]["deployed"])
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
