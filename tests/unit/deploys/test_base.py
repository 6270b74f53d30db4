"""What base and preflight write and read."""

from __future__ import annotations

import pytest
from pyinfra.api import FactProcessError

from deploys.base import render
from deploys.base.facts import InstalledPackages, SysctlValues
from deploys.preflight.facts import Listener, Listeners
from deploys.preflight.operations import taken


def test_files() -> None:
    assert render.modules_file(["overlay"]).splitlines()[-1] == "overlay"
    assert "-net.ipv4.ip_forward = 1" in render.sysctl_file({"net.ipv4.ip_forward": 1})
    assert render.hosts_lines({"b": "10.0.0.2", "a": "10.0.0.1"}) == ["10.0.0.1 a", "10.0.0.2 b"]


def test_packages() -> None:
    lines = ["installed jq", "config-files curl"]
    assert InstalledPackages().process(lines) == {"jq"}
    with pytest.raises(FactProcessError):
        InstalledPackages().process(["no packages found at all"])


def test_sysctl() -> None:
    assert SysctlValues().process(["a.b=1"]) == {"a.b": 1}
    with pytest.raises(FactProcessError):
        SysctlValues().process(["a.b=1\t2"])


def test_listeners() -> None:
    found = Listeners().process(["6443 12 k3s k3s.service", "6443 13 my server -"])
    assert found == [
        Listener(6443, 12, "k3s", "k3s.service"),
        Listener(6443, 13, "my server", ""),
    ]
    assert taken(found, {6443: "k3s"}) == [
        "port 6443, which k3s needs, is taken by my server (pid 13): stop it, or set another port"
    ]
    with pytest.raises(FactProcessError):
        Listeners().process(["ss: not found"])
