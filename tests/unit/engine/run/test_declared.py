"""What capabilities declare, and what is made of it."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from pyinfra.api.host import Host
from pyinfra.api.state import State
from pyinfra.context import ctx_state

import deploys
from whisklab.engine import runs
from whisklab.engine.kubernetes.kube import Endpoint
from whisklab.engine.run import capability, declared
from whisklab.engine.run.declared import Capability, Platform, Storage
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


def test_a_capability_is_selected_by_the_name_of_its_package() -> None:
    found = set()
    for path in Path(deploys.__file__).parent.glob("*/*.py"):
        package = path.parent.name
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "capability":
                module = importlib.import_module(f"deploys.{package}.{path.stem}")
                name = ast.unparse(node.args[0])
                assert getattr(module, name, name.strip("'")) == package, path
                found.add(package)
    assert sorted(found) == sorted(deploys.selectable())


def test_an_unknown_selection_is_refused() -> None:
    state = State()
    with ctx_state.use(state):
        capability.check_selection(["b", "a"])
        assert (capability.selected("a"), capability.selection()) == (True, [])
        capability.select(runs.of(state), ["b"])
        capability.check_selection(["b", "a"])
        assert (capability.selected("a"), capability.selection()) == (False, ["b"])
        capability.select(runs.of(state), ["c"])
        with pytest.raises(BadInput, match="--only: c: unknown capability, there are a, b"):
            capability.check_selection(["b", "a"])
    with ctx_state.use(State()):
        assert capability.selected("a")


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
