"""What capabilities declare, and what is made of it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from pyinfra.api.host import Host

import deploys
from whisklab.engine import declared
from whisklab.engine.declared import Capability, Platform, Storage
from whisklab.engine.kube import Endpoint
from whisklab.errors import BadInput

MASTER = SimpleNamespace(name="master", groups=["masters"])
NAS = SimpleNamespace(name="nas", groups=["storage"])
PLATFORM = Platform(
    leader=cast("Host", MASTER),
    nodes=[cast("Host", MASTER)],
    addresses=["10.0.0.1"],
    api=Endpoint("/etc/k3s.yaml", 6443),
    domain="cluster.local",
    ready="ready",
    storage=Storage(None, None, "served"),
    crictl=("crictl",),
)


def test_every_package_is_in_the_list() -> None:
    directory = Path(deploys.__file__).parent
    folders = {each.parent.name for each in directory.glob("*/__init__.py")}
    assert sorted(deploys.PACKAGES) == sorted(folders)
    assert all(isinstance(each, Capability) for each in deploys.declared())


def test_ports_are_those_of_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declared, "host", MASTER)
    one = Capability(ports=lambda _: {1: "a"}, open_ports=lambda _: {"1/tcp": "one"})
    two = Capability(ports=lambda _: {2: "b"}, open_ports=lambda _: {"2/udp": "two"})
    assert declared.ports([one, Capability(), two], PLATFORM) == {1: "a", 2: "b"}
    assert declared.open_ports([one, Capability(), two], PLATFORM) == {
        "1/tcp": "one", "2/udp": "two",
    }  # fmt: skip


def test_two_that_want_one_port_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(declared, "host", MASTER)
    both = [Capability(ports=lambda _: {8003: "a"}), Capability(ports=lambda _: {8003: "b"})]
    with pytest.raises(BadInput, match="master: port 8003 is wanted by a and by b: give one of"):
        declared.ports(both, PLATFORM)


def test_the_leader_alone_does_what_is_its(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []
    work = declared.on_leader(lambda platform: seen.append(platform.domain))
    for host, after in ((NAS, []), (MASTER, ["cluster.local"])):
        monkeypatch.setattr(declared, "host", host)
        work(PLATFORM)
        assert seen == after
    assert [PLATFORM.has(cast("Host", each)) for each in (MASTER, NAS)] == [True, False]
