"""`whisklab verify` tells a platform that works from one that does not, and what is to blame."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.e2e.cluster.faults import agent_missed, fault, link_cut
from tests.e2e.cluster.site import Site
from tests.e2e.cluster.trial import TRIAL, append

pytestmark = pytest.mark.e2e

SMALL = "/var/nfs/small"
# A file system in memory has no name of its own by which a client would know it again.
MORE = f"""
nfs_exports = [
    {{"path": "/var/nfs/kubedata"}},
    {{"path": "{SMALL}", "options": ["rw", "no_subtree_check", "no_root_squash", "fsid=7"]}},
]
"""
SYSCTL = "/etc/sysctl.d/90-whisklab.conf"
SERVED = ("storage", "NFS exports are served")
FULL = "is on a full disk, 0 kB are free: make room there"
READ_ONLY = "is on a disk that is read-only: mount it for writing"


def verify(site: Site, code: int) -> dict[tuple[str, str], dict[str, Any]]:
    """Return the checks, by host and name, of a run that must end with `code`."""
    checks = told(site, "verify", site.name, code)["checks"]
    return {(each["host"], each["check"]): each for each in checks}


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


@pytest.fixture
def small(trial: Site) -> Iterator[Site]:
    """The trial environment exports one more directory, with a small disk of its own."""
    append(trial, "group_data/{env}.py", MORE)
    mount = f"mkdir -p {SMALL} && mount -t tmpfs -o size=4m small {SMALL}"
    with fault(trial, "storage", mount, f"umount {SMALL} && rmdir {SMALL}"):
        try:
            done = trial.whisklab("apply", TRIAL)
            assert done.code == 0, done.output
            yield trial
        finally:
            assert ("nfs | Exports", "storage") in trial.converge()


def told(site: Site, verb: str, environment: str, code: int) -> dict[str, Any]:
    """Return what a verb says with --json; it must end with this exit code."""
    done = site.whisklab(verb, environment, "--json")
    assert done.code == code, done.output
    assert "Traceback" not in done.output
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def refused(site: Site, why: str) -> None:
    """Require that plan, apply and verify say just this, and that nothing is changed."""
    for host in ("storage", "worker1"):
        site.root(host, f"grep -q edited {SYSCTL} || echo '# edited' >> {SYSCTL}")
    before = site.snapshots()
    for verb in ("plan", "apply"):
        errors = told(site, verb, TRIAL, 1)["errors"]
        (sentence,) = {each for each in errors if SMALL in each}
        assert sentence.startswith(f"[storage] storage: {SMALL} {why}")
        assert not any("pod" in each for each in errors)
    assert site.snapshots() == before
    checks = told(site, "verify", TRIAL, 1)["checks"]
    bad = {(each["host"], each["check"]): each["detail"] for each in checks if not each["ok"]}
    assert bad.pop(SERVED).startswith(f"storage: {SMALL} {why}")
    assert bad
    assert all(detail.startswith("not tried, because ") for detail in bad.values())
    assert ("master", "nodes are Ready") not in bad


def test_a_disk_that_takes_nothing_is_named_before_anything_changes(small: Site) -> None:
    fill = f"! head -c 8M /dev/zero > {SMALL}/filler 2>/dev/null"
    with fault(small, "storage", fill, f"rm {SMALL}/filler"):
        refused(small, FULL)
    remount = f"mount -o remount,{{}} {SMALL}"
    with fault(small, "storage", remount.format("ro"), remount.format("rw")):
        refused(small, READ_ONLY)
    told(small, "apply", TRIAL, 0)
    assert "edited" not in small.root("storage", f"cat {SYSCTL}")
    assert all(each["ok"] for each in told(small, "verify", TRIAL, 0)["checks"])
    assert small.root("storage", f"ls -A {SMALL}") == ""


def test_a_storage_host_that_cannot_be_reached_is_named(site: Site) -> None:
    with link_cut(site, "storage"):
        for verb in ("plan", "verify"):
            errors = told(site, verb, site.name, 1)["errors"]
            assert any("storage" in each and "does not answer" in each for each in errors), errors
            assert all("storage" in each for each in errors), errors
    assert site.converge() == set()
