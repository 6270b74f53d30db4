"""A disk that is full, a host that is lost, a dpkg that was killed: one sentence, then go on."""

from __future__ import annotations

import shlex
import signal
import subprocess
from collections.abc import Iterator

import pytest

from tests.e2e.cluster.background import background
from tests.e2e.cluster.faults import blocked, covered, is_blocked, link_cut, small
from tests.e2e.cluster.site import Run, Site
from tests.e2e.cluster.trial import judge
from tests.e2e.cluster.waiting import until

pytestmark = pytest.mark.e2e

DIRECTORY = "/etc/sysctl.d"
SYSCTL = f"{DIRECTORY}/90-whisklab.conf"
BINARY = "/usr/local/bin/k3s"
CHOWN = "/usr/bin/chown"  # a run calls it when a file has arrived, before it is in its place
WAITING = "configuring"
SLOW_PACKAGE = """
set -e
rm -rf /run/slow; mkdir -p /run/slow/DEBIAN; cd /run/slow
printf 'Package: slow\\nVersion: 1\\nArchitecture: all\\nMaintainer: x <x@example.org>\\n' \
  > DEBIAN/control
printf 'Description: one that takes its time\\n' >> DEBIAN/control
printf '#!/bin/sh\\ntouch /run/configuring\\nwhile ! test -e /run/go-on; do sleep 0.1; done\\n' \
  > DEBIAN/postinst
chmod 755 DEBIAN/postinst
dpkg-deb --build /run/slow /run/slow.deb
dpkg --purge jq
rm -f /run/configuring /run/go-on
"""


def apply(site: Site) -> Run:
    return site.whisklab("apply", site.name)


def edit(site: Site, host: str) -> None:
    site.root(host, f"echo '# edited' >> {SYSCTL}")


def edited(site: Site, host: str) -> bool:
    return "# edited" in site.root(host, f"cat {SYSCTL}")


def leftovers(site: Site, host: str) -> str:
    return site.root(host, "find /etc /usr/local /var/lib/whisklab -name '*.whisklab-new'")


def free(site: Site) -> bool:
    """Tell whether no run and no command holds a lock of any host."""
    both = "flock -n /run/whisklab/run.lock flock -n /run/whisklab/change.lock echo free || true"
    return all("free" in site.root(host, both) for host in site.hosts)


def test_a_full_disk_leaves_the_old_file(site: Site) -> None:
    site.converge()
    edit(site, "storage")
    with small(site, "storage", DIRECTORY, "64k"):
        done = apply(site)
        judge(done, 1, f"[storage] {SYSCTL} was not written, it is as before: ",
              "No space left on device", "stopped here, because of storage")  # fmt: skip
        assert edited(site, "storage")
        assert leftovers(site, "storage") == ""
        site.root("storage", f"rm {DIRECTORY}/filler")
        assert site.converge() == {("base | Kernel settings at each start", "storage")}
        assert not edited(site, "storage")
    site.converge()
    assert site.converge() == set()


def test_a_full_disk_in_the_middle_of_an_upload(site: Site) -> None:
    with small(site, "worker2", "/usr/local/bin", "20m"):
        site.root("worker2", f"rm -f /usr/local/bin/filler; echo old > {BINARY}")
        judge(apply(site), 1, "[worker2] worker2: k3s", f"could not be put at {BINARY}: ",
              "No space left on device")  # fmt: skip
        assert site.root("worker2", f"cat {BINARY}") == "old\n"
        assert leftovers(site, "worker2") == ""
        site.root("worker2", "mount -o remount,size=1g /run/small")
        assert ("k3s: files | k3s binary", "worker2") in site.converge()
    assert site.converge() == set()


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


def test_a_connection_that_dies_while_a_command_runs(site: Site) -> None:
    edit(site, "worker1")
    with (
        blocked(site, "worker1", CHOWN) as release,
        background(site, ".venv/bin/whisklab", "apply", site.name) as run,
    ):
        until("a command runs", lambda: is_blocked(site, "worker1"))
        site.root("worker1", KILL_SESSION)
        lost(site, run)
        release()
    until("no lock is held", lambda: free(site))
    site.converge()
    assert not edited(site, "worker1")
    assert site.converge() == set()


def test_a_connection_that_dies_in_an_upload(site: Site) -> None:
    with (
        covered(site, "worker1", BINARY, "old"),
        blocked(site, "worker1", "/usr/bin/gzip"),
        background(site, ".venv/bin/whisklab", "apply", site.name) as run,
    ):
        until("the upload has begun", lambda: is_blocked(site, "worker1"))
        site.root("worker1", KILL_SESSION)
        lost(site, run)
        assert site.root("worker1", f"cat {BINARY}") == "old"
    until("no lock is held", lambda: free(site))
    assert leftovers(site, "worker1") == ""
    site.converge()
    assert "SchedulingDisabled" not in site.kubectl("get", "nodes")
    assert site.converge() == set()


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
    assert site.converge() == set()


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
    assert site.converge() == set()


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


@pytest.fixture
def slow_package(site: Site) -> Iterator[None]:
    """On worker1, a package whose installation waits for /run/go-on; jq is missing there."""
    site.root("worker1", SLOW_PACKAGE)
    site.root("worker1", "systemd-run --quiet --unit=slow dpkg -i /run/slow.deb")
    until("dpkg is configuring", lambda: "yes" in site.root(
        "worker1", "if test -e /run/configuring; then echo yes; fi"))  # fmt: skip
    yield
    site.root(
        "worker1", "touch /run/go-on; dpkg --purge slow; rm -rf /run/slow /run/slow.deb /run/go-on"
    )
    site.converge()
    assert site.converge() == set()


def test_a_dpkg_that_was_killed_is_finished_first(site: Site, slow_package: None) -> None:
    site.root("worker1", "systemctl kill -s KILL slow; systemctl reset-failed slow")
    said = site.root("worker1", "apt-get install -y jq 2>&1 || true")
    assert "dpkg was interrupted" in said
    assert "half-configured" in site.root("worker1", "dpkg-query -W -f '${db:Status-Status}' slow")
    site.root("worker1", "touch /run/go-on")
    assert site.converge() == {("base | Packages", "worker1")}
    states = site.root("worker1", "dpkg-query -W -f '${db:Status-Status} ' slow jq")
    assert states.split() == ["installed", "installed"]


def test_another_dpkg_is_waited_for(site: Site, slow_package: None) -> None:
    with background(site, ".venv/bin/whisklab", "apply", site.name) as run:
        until("the run waits for dpkg", lambda: shlex.split(site.root(
            "worker1", "pgrep -f 'dpkg.*--configure -a' || true")))  # fmt: skip
        assert run.poll() is None
        site.root("worker1", "touch /run/go-on")
        output = run.communicate(timeout=150)[0]
    judge(Run(run.returncode, output, output), 0, "worker1: base | Packages")
