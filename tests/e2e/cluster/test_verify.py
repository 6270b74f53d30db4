"""`whisklab verify` tells a platform that works from one that does not."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.e2e.cluster.faults import agent_missed
from tests.e2e.cluster.site import Site

pytestmark = pytest.mark.e2e


def verify(site: Site, code: int) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the checks, by host and name, of a run that must end with `code`."""
    done = site.whisklab("verify", site.name, "--json")
    assert done.code == code, done.output
    return {(each["host"], each["check"]): each for each in json.loads(done.stdout)["checks"]}


def test_a_platform_that_works(site: Site) -> None:
    before = site.snapshots()
    found = verify(site, 0)
    assert all(each["ok"] for each in found.values())
    for host in ("master", "worker1", "worker2"):
        assert {check.split()[0] for on, check in found if on == host} >= {"writes", "reads"}
    assert {check for on, check in found if on == "master"} >= {
        "nodes are Ready", "a claim is bound", "its volume is released",
    }  # fmt: skip
    assert "whisklab-verify" not in site.root("storage", "ls -A /var/nfs/kubedata")
    assert site.snapshots() == before  # nothing is left behind


def test_stopped_storage_is_named_and_nothing_else_is_blamed(site: Site) -> None:
    site.root("storage", "systemctl stop nfs-server")
    try:
        bad = {key: each["detail"] for key, each in verify(site, 1).items() if not each["ok"]}
    finally:
        site.root("storage", "systemctl start nfs-server")
    why = "nfs-server of storage does not run: deploy again"
    assert bad.pop(("storage", "NFS exports are served")) == why
    assert bad
    assert {detail for (_, check), detail in bad.items() if "reads" not in check} == {
        f"not tried, because {why}"
    }
    assert all(detail.startswith("not tried, because ") for detail in bad.values())
    done = site.whisklab("verify", site.name)
    assert done.code == 0, done.output
    assert f"{site.name}: ok" in done.output


def test_a_node_that_is_down_is_named(site: Site) -> None:
    agent_missed(site, "worker1")
    try:
        bad = {key: each["detail"] for key, each in verify(site, 1).items() if not each["ok"]}
        tried = {key: why for key, why in bad.items() if not why.startswith("not tried, ")}
        assert tried == {("master", "nodes are Ready"): "not Ready: worker1"}
    finally:
        site.converge()
