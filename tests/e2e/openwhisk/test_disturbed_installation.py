"""An installation of OpenWhisk that is disturbed: the fault is named, and the next run goes on."""

from __future__ import annotations

import signal
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.e2e.cluster.background import background
from tests.e2e.cluster.site import Site
from tests.e2e.cluster.trial import TRIAL, judge
from tests.e2e.cluster.waiting import until
from tests.e2e.openwhisk.asking import components
from tests.e2e.openwhisk.faulty import RELEASE, SPACE, deploy, say

pytestmark = pytest.mark.e2e


def test_jobs_that_cannot_clone_in_a_closed_network(faulty: Site) -> None:
    say(faulty, "openwhisk_offline = False\n")
    judge(deploy(faulty), 1, "stage init-couchdb blocks", "unable to access",
          "openwhisk_offline = True")  # fmt: skip


def test_storage_that_has_stopped(faulty: Site) -> None:
    faulty.root("storage", "systemctl stop nfs-server")
    try:
        judge(deploy(faulty), 1, "stage claims blocks", "is Pending", "storage host")
    finally:
        faulty.root("storage", "systemctl start nfs-server")


def test_pods_killed_during_the_installation(faulty: Site) -> None:
    names = {component: f"{RELEASE}-{component}-0" for component in ("kafka", "controller")}
    with ThreadPoolExecutor() as pool:
        running = pool.submit(deploy, faulty)
        for component, name in names.items():
            until(f"pod {name}", partial(pods, faulty, component))
            faulty.kubectl("-n", SPACE, "delete", "pod", name, "--grace-period=0", "--force")
        judge(running.result(), 0)
    plan = faulty.whisklab("plan", TRIAL, "--only", "openwhisk")
    assert plan.code == 0, plan.output
    assert set(names.values()) <= set(components(faulty, SPACE))


def test_a_run_killed_during_the_installation_is_continued(faulty: Site) -> None:
    command = (".venv/bin/whisklab", "apply", TRIAL, "--only", "openwhisk")
    with background(faulty, *command) as running:
        until("CouchDB is coming", lambda: pods(faulty, "couchdb"))
        running.send_signal(signal.SIGKILL)
        running.wait()
    claims = {each["metadata"]["uid"] for each in faulty.objects("pvc", "-n", SPACE)}
    assert claims
    judge(deploy(faulty), 0)
    assert {each["metadata"]["uid"] for each in faulty.objects("pvc", "-n", SPACE)} >= claims
    assert faulty.whisklab("plan", TRIAL, "--only", "openwhisk").code == 0


def pods(site: Site, component: str) -> list[str]:
    label = f"name={RELEASE}-{component}"
    return [each["metadata"]["name"] for each in site.objects("pods", "-n", SPACE, "-l", label)]
