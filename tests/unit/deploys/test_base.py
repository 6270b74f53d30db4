"""What base writes and reads."""

from __future__ import annotations

import pytest
from pyinfra.api import FactProcessError

from deploys.base import render
from deploys.base.facts import SysctlValues
from whisklab.engine.resources.packages import InstalledPackages


def test_files() -> None:
    assert render.modules_file(["overlay"]).splitlines()[-1] == "overlay"
    assert "-net.ipv4.ip_forward = 1" in render.sysctl_file({"net.ipv4.ip_forward": 1})
    assert "ManageForeignRoutes=no" in render.networkd_file().splitlines()
    assert render.hosts_lines({"b": "10.0.0.2", "a": "10.0.0.1"}) == ["10.0.0.1 a", "10.0.0.2 b"]


def test_packages() -> None:
    lines = ["installed jq", "config-files curl"]
    assert InstalledPackages().process(lines) == {"jq"}
    with pytest.raises(FactProcessError):
        InstalledPackages().process(["no packages found at all"])


def test_sysctl() -> None:
    assert SysctlValues().process(["/proc/sys/a/b:1"]) == {"a.b": 1}
    with pytest.raises(FactProcessError):
        SysctlValues().process(["/proc/sys/a/b:1\t2"])
