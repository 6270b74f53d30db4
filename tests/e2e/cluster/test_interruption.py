"""Runs that end before their time, or meet: one sentence, and the next run goes on."""

from __future__ import annotations

import json
import signal
import subprocess

import pytest

from tests.e2e.cluster.background import background
from tests.e2e.cluster.drift import SYSCTL, edit, edited, free, leftovers
from tests.e2e.cluster.faults import agent_missed, blocked, covered, is_blocked, link_cut
from tests.e2e.cluster.site import Run, Site
from tests.e2e.cluster.trial import judge
from tests.e2e.cluster.waiting import until
from whisklab.engine.resources.kept import KEPT

pytestmark = pytest.mark.e2e

BINARY = "/usr/local/bin/k3s"
CHOWN = "/usr/bin/chown"  # a run calls it when a file has arrived, before it is in its place
KILL_SESSION = """
set -e
parent() { awk '/^PPid:/ {print $2}' "/proc/$1/status"; }
pid=$(cat /run/blocked)
until test "$(cat /proc/$pid/comm)" = sshd; do pid=$(parent $pid); done
kill -9 $pid $(parent $pid)
"""


def lost(site: Site, run: subprocess.Popen[str]) -> None:
    """Require that the run ends with one sentence on worker1, and that it does not hold a lock."""
    output = run.communicate(timeout=150)[0]
    judge(Run(run.returncode, output, output), 1,
          "[worker1] the SSH connection to worker1 is lost: see whether the machine runs",
          "stopped here, because of worker1")  # fmt: skip
    assert output.count("is lost") == 1, output


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
    command = f"systemd-run --quiet --unit=left flock /run/whisklab/change.lock sh -c '{left}'"
    site.root("storage", f"mkdir -p /run/whisklab; {command}")
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
        assert "storage: waiting for a command of " in output
        assert "# edited" not in site.root("storage", f"cat {SYSCTL}")
    finally:
        site.root("storage", "touch /run/release; systemctl stop left || true; rm /run/release")


def test_a_connection_that_dies_while_a_command_runs(site: Site) -> None:
    edit(site, "worker1")
    with (
        blocked(site, "worker1", CHOWN) as release,
        background(site, ".venv/bin/whisklab", "apply", site.name) as run,
    ):
        until("a command runs", lambda: is_blocked(site, "worker1"))
        site.root("worker1", KILL_SESSION, check=False)  # whether it did is seen in the run
        lost(site, run)
        release()
    until("no lock is held", lambda: free(site))
    site.converge()
    assert not edited(site, "worker1")


def test_a_connection_that_dies_in_an_upload(site: Site) -> None:
    site.root("worker1", f"rm {KEPT}/*")  # else it would come back from there
    with (
        covered(site, "worker1", BINARY, "old"),
        blocked(site, "worker1", "/usr/bin/gzip"),
        background(site, ".venv/bin/whisklab", "apply", site.name) as run,
    ):
        until("the upload has begun", lambda: is_blocked(site, "worker1"))
        site.root("worker1", KILL_SESSION, check=False)  # whether it did is seen in the run
        lost(site, run)
        assert site.root("worker1", f"cat {BINARY}") == "old"
    until("no lock is held", lambda: free(site))
    assert leftovers(site, "worker1") == ""
    site.converge()
    assert "SchedulingDisabled" not in site.kubectl("get", "nodes")


def test_a_link_that_is_cut_while_a_command_runs(site: Site) -> None:
    edit(site, "worker1")
    with (
        blocked(site, "worker1", CHOWN),
        background(site, ".venv/bin/whisklab", "apply", site.name) as run,
    ):
        until("a command runs", lambda: is_blocked(site, "worker1"))
        with link_cut(site, "worker1"):
            lost(site, run)
    until("no lock is held", lambda: free(site))
    until("all nodes are Ready", lambda: "NotReady" not in site.kubectl("get", "nodes"))
    site.converge()
    assert not edited(site, "worker1")


def test_a_run_that_is_silent_loses_its_locks(site: Site) -> None:
    """As of a laptop without power: its connections stay, for hours."""
    edit(site, "worker1")
    with (
        blocked(site, "worker1", CHOWN) as release,
        background(site, ".venv/bin/whisklab", "apply", site.name) as run,
    ):
        until("a command runs", lambda: is_blocked(site, "worker1"))
        run.send_signal(signal.SIGSTOP)
        release()
        until("no lock is held", lambda: free(site))
        assert site.converge() == set()
        run.send_signal(signal.SIGCONT)  # it was asleep only
        output = run.communicate(timeout=150)[0]
        judge(Run(run.returncode, output, output), 0)


def test_ctrl_c(site: Site) -> None:
    edit(site, "worker1")
    with (
        blocked(site, "worker1", CHOWN),
        background(site, ".venv/bin/whisklab", "apply", site.name) as run,
    ):
        until("a command runs", lambda: is_blocked(site, "worker1"))
        run.send_signal(signal.SIGINT)
        output = run.communicate(timeout=60)[0]
        judge(Run(run.returncode, output, output), 130, "interrupted; run it again")
    until("no lock is held", lambda: free(site))
    site.converge()
    assert not edited(site, "worker1")
    assert site.converge() == set()
