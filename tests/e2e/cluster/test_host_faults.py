"""A full disk, a killed dpkg, a refused configuration: one sentence, and the next run goes on."""

from __future__ import annotations

import os
import random
import re
import secrets
import shlex
from collections.abc import Callable, Iterator

import pytest

from tests.e2e.cluster.background import background
from tests.e2e.cluster.drift import DIRECTORY, SYSCTL, apply, edit, edited, leftovers
from tests.e2e.cluster.faults import small
from tests.e2e.cluster.site import Run, Site
from tests.e2e.cluster.trial import judge
from tests.e2e.cluster.waiting import until

pytestmark = pytest.mark.e2e


def test_what_k3s_reads_beside_our_files_is_named(site: Site) -> None:
    there = {
        "master": "/etc/rancher/k3s/config.yaml.d/50-user.yaml",
        "worker1": "/etc/systemd/system/k3s-agent.service.d/url.conf",
        "worker2": "/var/lib/rancher/k3s/agent/etc/containerd/config.toml.tmpl",
    }
    data = site.directory / f"group_data/{site.name}.py"
    before = data.read_text()
    for host, path in there.items():
        site.root(host, f"mkdir -p $(dirname {path}); echo '# by hand' > {path}")
    plan = site.whisklab("plan", site.name)
    assert plan.code == 0, plan.output
    for host, path in there.items():
        assert f"{host}: k3s also reads {path}, which no run has written" in plan.output
    data.write_text(before + "k3s_foreign_files = 'refuse'\n")
    refused = site.whisklab("apply", site.name)
    assert refused.code == 1, refused.output
    data.write_text(before + "k3s_foreign_files = 'accept'\n")
    accepted = site.whisklab("plan", site.name)
    assert (accepted.code, "also reads" in accepted.output) == (0, False)
    data.write_text(before)
    for host, path in there.items():
        assert site.root(host, f"cat {path}") == "# by hand\n"
        site.root(host, f"rm {path}")


BINARY = "/usr/local/bin/k3s"
CONFIG = "/etc/rancher/k3s/config.yaml"
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


def test_a_full_disk_leaves_the_old_file(site: Site) -> None:
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


def test_a_disk_without_room_is_named_before_and_in_the_middle_of_an_upload(site: Site) -> None:
    edit(site, "storage")
    with small(site, "worker2", "/usr/local/bin", "20m"):
        site.root("worker2", f"rm -f /usr/local/bin/filler; echo old > {BINARY}")
        plan = site.whisklab("plan", site.name)
        for done in (plan, apply(site)):
            judge(done, 1, f"{BINARY} (k3s ", " MB are needed, and 20 MB are free there: make room")
        assert edited(site, "storage")  # nothing has been changed anywhere
        # It has room, and still nothing more can be made there.
        site.root("worker2", "mount -o remount,size=1g,nr_inodes="
                  "$(df --output=iused /run/small | tail -n 1 | tr -d ' ') /run/small")  # fmt: skip
        judge(apply(site), 1, "[worker2] worker2: k3s", f"could not be put at {BINARY}: ",
              "No space left on device")  # fmt: skip
        assert site.root("worker2", f"cat {BINARY}") == "old\n"
        assert leftovers(site, "worker2") == ""
        site.root("worker2", "mount -o remount,nr_inodes=0 /run/small")
        assert ("k3s: files | k3s binary", "worker2") in site.converge()
    assert site.converge() == set()  # and what was under it is as it should be


@pytest.fixture
def slow_package(site: Site) -> Iterator[None]:
    """On worker1, a package whose installation waits for /run/go-on; jq is missing there."""
    site.root("worker1", SLOW_PACKAGE)
    site.root("worker1", "systemd-run --quiet --collect --unit=slow dpkg -i /run/slow.deb")
    until("dpkg is configuring", lambda: "yes" in site.root(
        "worker1", "if test -e /run/configuring; then echo yes; fi"))  # fmt: skip
    yield
    site.root(
        "worker1", "touch /run/go-on; dpkg --purge slow; rm -rf /run/slow /run/slow.deb /run/go-on"
    )
    site.converge()


def test_a_dpkg_that_was_killed_is_finished_first(site: Site, slow_package: None) -> None:
    site.root("worker1", "systemctl kill -s KILL slow")
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


def test_a_refused_configuration_is_put_back(site: Site) -> None:
    data = site.directory / "group_data/workers.py"
    original = data.read_text()
    before = {host: site.root(host, f"cat {CONFIG}") for host in ("worker1", "worker2")}
    data.write_text(original + 'k3s_agent_config = {"kubelet-arg": ["no-such-flag=1"]}\n')
    try:
        done = site.pyinfra(site.inventory, "-y")
    finally:
        data.write_text(original)
    assert done.code == 1, done.output
    assert "k3s-agent refused the new configuration; it runs on the last good one" in done.output
    assert "no-such-flag" in done.output  # the service's own words
    assert "Traceback" not in done.output
    for host, text in before.items():
        assert site.root(host, f"cat {CONFIG}") == text
        assert site.ssh(host, "systemctl", "is-active", "k3s-agent").strip() == "active"
    until("all nodes are Ready", lambda: "NotReady" not in site.kubectl("get", "nodes"))
    assert site.converge() == set()


RECORDS = "/var/lib/rancher/k3s/agent/containerd"
DATABASE = f"{RECORDS}/io.containerd.metadata.v1.bolt/meta.db"
DAMAGES = (
    f"truncate -s 100 {DATABASE}",  # with this one containerd runs, and k3s waits for ever
    f"truncate -s 40k {DATABASE}",
    f"dd if=/dev/zero of={DATABASE} bs=4096 count=2 conv=notrunc",
    f"dd if=/dev/urandom of={DATABASE} bs=4096 count=2 conv=notrunc",
)


def test_containerd_that_cannot_read_its_records(
    site: Site, record_property: Callable[[str, object], None]
) -> None:
    """Its cause is named, and mended with what is on the node; nothing is deleted."""
    seed = int(os.environ.get("SEED") or secrets.randbelow(100000))
    damage = random.Random(seed).choice(DAMAGES)  # noqa: S311
    record_property("said", f"containerd's records: seed {seed}, {damage}")
    before = site.snapshots()
    site.root(
        "worker1", f"systemctl stop k3s-agent; {damage}; systemctl start --no-block k3s-agent"
    )
    record = "worker1: k3s: service | containerd's records: containerd cannot read its records ("
    until("the plan names the cause", lambda: record in site.whisklab("plan", site.name).output)
    done = site.whisklab("apply", site.name)
    judge(done, 0, record, "they are set aside")
    assert site.whisklab("plan", site.name).code == 0
    assert "NotReady" not in site.kubectl("get", "nodes")
    assert site.root("worker1", f"ls -d {RECORDS}.broken-*").count("\n") == 1
    for host, after in site.snapshots().items():
        kept = before[host].services == after.services
        assert kept == (host != "worker1"), host


def test_a_start_that_takes_long_says_what_its_service_waits_for(site: Site) -> None:
    """A drop-in by hand acts when the service is started; then it waits for another server."""
    directory = "/etc/systemd/system/k3s-agent.service.d"
    away = "https://10.77.0.99:6443"
    site.root(
        "worker1",
        f"mkdir -p {directory}; printf '[Service]\\nEnvironment=K3S_URL={away}\\n' "
        f"> {directory}/url.conf; systemctl daemon-reload; systemctl stop k3s-agent",
    )
    with background(site, ".venv/bin/whisklab", "apply", site.name) as run:
        waits = next(
            (line for line in run.stdout or () if "| Service k3s-agent, " in line and away in line),
            "nothing was said of it",
        )
        site.root(
            "worker1",
            f"rm -r {directory}; systemctl daemon-reload; systemctl kill -s KILL k3s-agent",
        )
        run.communicate(timeout=150)
    assert re.match(r"worker1: k3s: service \| Service k3s-agent, \d+ s: ", waits), waits
    assert site.whisklab("apply", site.name).code == 0
    assert site.converge() == set()
