"""A setting that is changed and changed back: each time one run does it, and nothing is left."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e import differences
from tests.e2e.cluster.site import Site
from tests.e2e.openwhisk.asking import components
from tests.e2e.openwhisk.changes import Change, changes, documented, drawn

pytestmark = pytest.mark.e2e

COUNT = 5
# A certificate that is for more names than are wanted stays, and its Secret is called by it.
_CERTIFICATE = re.compile(r"(?<=-certificate)-[0-9a-f]{8}$")
_HASHES = re.compile(r"-[0-9a-f]+-\w{5}$")  # of a Deployment's pods


@contextmanager
def changed(site: Site, chosen: Sequence[Change]) -> Iterator[None]:
    """Have these values in the data for a while."""
    before: dict[Path, str] = {}
    for each in chosen:
        file = site.directory / f"group_data/{each.group or site.name}.py"
        before.setdefault(file, file.read_text())
        file.write_text(file.read_text() + each.text)
    try:
        yield
    finally:
        for file, text in before.items():
            file.write_text(text)


def converged(site: Site) -> None:
    """One run does it, the next plan is empty, and functions answer."""
    done = site.whisklab("apply", site.name)
    assert done.code == 0, done.output
    plan = site.whisklab("plan", site.name)
    assert plan.code == 0, plan.output
    verify = site.whisklab("verify", site.name)
    assert verify.code == 0, verify.output


def left(site: Site) -> dict[str, object]:
    """What a setting could leave behind: in the cluster, on hosts, on the laptop."""
    kinds = "deployments,statefulsets,services,configmaps,secrets,storageclasses,networkpolicies"
    objects = {
        _CERTIFICATE.sub(
            "", f"{each['kind']}/{each['metadata'].get('namespace', '')}/{each['metadata']['name']}"
        )
        for each in site.objects(kinds, "-A")
        if each.get("type") != "helm.sh/release.v1"  # one for each revision
    }
    nodes = {
        each["metadata"]["name"]: (each["metadata"]["labels"], each["spec"].get("taints"))
        for each in site.objects("nodes")
    }
    pods = sorted(_HASHES.sub("", name) for name in components(site))
    found: dict[str, object] = {"objects": objects, "nodes": nodes, "pods": pods}
    for host in site.hosts:
        found[host] = site.root(
            host,
            "cat /etc/hosts /etc/exports.d/* /etc/sysctl.d/*whisk* /etc/modules-load.d/*whisk* "
            "/etc/rancher/k3s/*.yaml /etc/systemd/system/k3s* /etc/systemd/system/whisklab* "
            "/var/lib/nfs/etab 2>/dev/null | sha256sum; ls /etc/rancher/k3s /etc/systemd/system "
            "/usr/local/bin /var/lib/rancher/k3s/agent/images 2>/dev/null",
            check=False,  # not everything is on each machine
        )
    own = site.directory / "own-kubeconfig"
    found["laptop"] = own.read_text() if own.exists() else ""
    return found


def changed_and_back(site: Site, chosen: Sequence[Change]) -> None:
    before = left(site)
    try:
        with changed(site, chosen):
            converged(site)
    finally:  # after a failure, too: what is tried next begins here
        converged(site)
    assert differences.told(left(site), before) == []


@pytest.fixture(autouse=True)
def own_kubeconfig(site: Site) -> Iterator[None]:
    """The user's own kubeconfig is one of the test's."""
    with site.variables(KUBECONFIG=str(site.directory / "own-kubeconfig")):
        yield


def test_what_is_drawn_is_done_and_undone(
    site: Site, record_property: Callable[[str, object], None]
) -> None:
    everything = changes(site)
    assert [each.name for each in everything] == documented()
    seed = int(os.environ.get("SEED") or secrets.randbelow(100000))
    chosen = drawn(everything, seed, COUNT)
    said = f"settings: seed {seed}: {', '.join(each.name for each in chosen)}"
    record_property("said", said)
    print(said)
    changed_and_back(site, chosen)


def test_what_cannot_be_done_is_refused_in_the_plan(site: Site) -> None:
    for each in changes(site):
        if each.refused:
            with changed(site, [each]):
                plan = site.whisklab("plan", site.name, "--json")
            assert plan.code in {1, 2}, plan.output
            said = str(json.loads(plan.stdout)["errors"]) if plan.code == 1 else plan.output
            assert each.refused in said, plan.output
    assert site.whisklab("plan", site.name).code == 0


@pytest.mark.soak
def test_each_alone(site: Site, subtests: pytest.Subtests) -> None:
    """All of them, or those that the variable SETTINGS names."""
    only = os.environ.get("SETTINGS", "").split()
    for each in changes(site):
        if each.value and not each.refused and (not only or each.name in only):
            with subtests.test(each.name):
                changed_and_back(site, [each])
