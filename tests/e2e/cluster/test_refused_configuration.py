"""A configuration that k3s refuses leaves the service running on the old one."""

from __future__ import annotations

import pytest

from tests.e2e.cluster.site import Site
from tests.e2e.cluster.waiting import until

pytestmark = pytest.mark.e2e

CONFIG = "/etc/rancher/k3s/config.yaml"


def test_a_refused_configuration_is_put_back(site: Site) -> None:
    site.converge()
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
