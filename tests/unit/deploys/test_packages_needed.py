"""What deploys install is what capabilities declare that they need: by the same function each."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyinfra.api import Config, Inventory, State

from deploys import PACKAGES, declared, models
from deploys.base.settings import BaseSettings
from whisklab.engine import runs
from whisklab.engine.data import settings
from whisklab.engine.needs.needed import Scope, together

DEPLOYS = Path(__file__).parents[3] / "deploys"
CALLS = ("installed", "ahead")  # of whisklab.engine.resources.packages


def named(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """Each call of `packages` in a module, and the attribute that its names come from."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        of = node.func.value
        if node.func.attr in CALLS and isinstance(of, ast.Name) and of.id == "packages":
            given = [each.value for each in node.keywords if each.arg == "names"] or node.args
            yield node.func.attr, _attribute(given[0])


def _attribute(node: ast.AST) -> str:
    """The attribute that is called, made a list of, or read."""
    if isinstance(node, ast.Call):
        is_list = isinstance(node.func, ast.Name) and node.func.id == "list"
        return _attribute(node.args[0] if is_list else node.func)
    assert isinstance(node, ast.Attribute), ast.dump(node)
    return node.attr


def sources(capability: str) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in sorted((DEPLOYS / capability).rglob("*.py")):
        for call, attribute in named(ast.parse(path.read_text())):
            found.setdefault(call, set()).add(attribute)
    return found


INSTALLING = [each for each in PACKAGES if sources(each)]


def test_some_install_packages() -> None:
    assert INSTALLING == ["base", "nfs", "fileserver", "registry"]


@pytest.mark.parametrize("capability", INSTALLING)
def test_what_is_installed_is_fetched_ahead_and_declared(capability: str) -> None:
    """By one function or setting, so that nothing is said twice."""
    found = sources(capability)
    assert found["installed"] == found["ahead"]
    needs = ast.parse((DEPLOYS / capability / "needs.py").read_text())
    read = {each.attr for each in ast.walk(needs) if isinstance(each, ast.Attribute)}
    assert found["installed"] <= read


def test_no_other_way_installs_packages() -> None:
    texts = [path.read_text() for path in sorted(DEPLOYS.rglob("*.py"))]
    assert not [text for text in texts if "apt-get" in text or "apt.packages" in text]


MACHINES = {
    "one": ["masters"], "two": ["workers"], "store": ["storage"], "other": ["registry"],
}  # fmt: skip


def scope(groups: dict[str, list[str]], **data: object) -> Scope:
    """Machines with the data of an environment."""
    names = {group for each in groups.values() for group in each}
    members: dict[str, tuple[list[str], dict[str, object]]] = {
        group: ([name for name in groups if group in groups[name]], {}) for group in names
    }
    found = Inventory((list(groups), {}), **members)
    state = State(found, Config())
    hosts = [
        settings.HostData(each.name, {"node_address": f"192.0.2.{number}", **data}, lambda key: key)
        for number, each in enumerate(found, 1)
    ]
    settings.validate(runs.of(state), hosts, models(), lambda _: False)
    return Scope(found, ("amd64",))


def names(wanted: Scope) -> dict[str, tuple[str, ...]]:
    needs = together(
        each.needs(wanted) for name, each in zip(PACKAGES, declared(), strict=True)
        if name in INSTALLING
    )  # fmt: skip
    return {each.user: each.names for each in needs.packages}


def test_which_machines_need_which(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "catalogue.yaml").write_text("{}\n")
    data = {"catalogue": str(tmp_path / "catalogue.yaml"), "base_packages": ["jq", "curl"]}
    assert names(scope(MACHINES, **data)) == {
        "base_packages": ("curl", "jq"),
        "nfs": ("nfs-common", "nfs-kernel-server"),
        "fileserver": ("curl", "python3"),
        "registry": ("curl",),
    }
    small = names(scope({"one": ["masters"]}))
    assert small == {
        "base_packages": tuple(sorted(BaseSettings().packages)),
        "nfs": ("nfs-common",),
        "fileserver": (),
    }
