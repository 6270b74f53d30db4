"""Two runs at once, and what a killed run leaves behind."""

from __future__ import annotations

import json
import signal

import pytest

from tests.e2e.cluster.background import background
from tests.e2e.cluster.faults import agent_missed
from tests.e2e.cluster.site import Run, Site
from tests.e2e.cluster.trial import judge
from tests.e2e.cluster.waiting import until

pytestmark = pytest.mark.e2e

SYSCTL = "/etc/sysctl.d/90-whisklab.conf"


def test_a_second_run_is_told_who_is_at_work(site: Site) -> None:
    agent_missed(site, "worker1")
    # The first run waits for a node that cannot come, because worker1 is left out.
    with background(site, ".venv/bin/whisklab", "apply", site.name, "--limit", "master") as first:
        for line in first.stdout or ():
            if "not Ready: worker1" in line:
                break
        before = site.snapshots()
        second = site.whisklab("apply", site.name, "--json")
        assert second.code == 1
        found = json.loads(second.stdout)
        assert found["changes"] == []
        assert any(
            "another run is changing master: root@" in error and f"process {first.pid}," in error
            for error in found["errors"]
        ), found["errors"]
        assert site.snapshots() == before
        assert site.whisklab("plan", site.name).code == 3  # only looking is always possible
        first.send_signal(signal.SIGINT)
        output = first.communicate(timeout=60)[0]
    judge(Run(first.returncode, output, output), 130)
    # The lock ends with the process that held it.
    until("the lock is free", lambda: site.whisklab("apply", site.name).code == 0)


def test_a_new_run_waits_for_what_a_killed_one_left_running(site: Site) -> None:
    left = "while ! test -e /run/release; do sleep 0.1; done"
    site.root(
        "storage", f"systemd-run --quiet --unit=left flock /run/whisklab/change.lock sh -c '{left}'"
    )
    site.root("storage", f"echo '# edited' >> {SYSCTL}")
    try:
        with background(site, ".venv/bin/whisklab", "apply", site.name) as run:
            until("the new run waits",
                  lambda: "-w 300" in site.root("storage", "pgrep -a flock"))  # fmt: skip
            assert "# edited" in site.root("storage", f"cat {SYSCTL}")
            assert run.poll() is None
            site.root("storage", "touch /run/release")
            output = run.communicate(timeout=120)[0]
        assert run.returncode == 0, output
        assert "# edited" not in site.root("storage", f"cat {SYSCTL}")
    finally:
        site.root("storage", "touch /run/release; systemctl stop left || true; rm /run/release")
    assert site.converge() == set()
