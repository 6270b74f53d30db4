"""Imports go one way (docs/architecture.md): who may know whom; no capability knows another."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[2]
BELOW = {"whisklab", "whisklab.errors", "whisklab.networks", "whisklab.paths"}
ENGINE = BELOW | {"whisklab.engine"}
# A room and what it may import beside itself; each capability below deploys is a room of its own.
MAY = {
    "whisklab": set[str](),
    "whisklab.errors": set[str](),
    "whisklab.networks": set[str](),
    "whisklab.paths": BELOW,
    "whisklab.engine": BELOW,
    "whisklab.lab": BELOW,
    "whisklab.bundle": ENGINE | {"whisklab.images"},
    "whisklab.images": ENGINE,
    "whisklab.init": ENGINE,
    "whisklab.cli": ENGINE
    | {"whisklab.bundle", "whisklab.images", "whisklab.init", "whisklab.lab", "deploys"},
    "deploys": ENGINE,
    "deploys.composed": ENGINE | {"deploys"},  # a part of the stories, like deploy.py itself
}
# The rooms of the engine, each with those that it may know. Beside them each room knows the modules
# that lie in none (limits, reasons, scripts, ...), which know each other alone.
ROOMS = {
    "data": set[str](),
    "facts": set[str](),
    "ssh": {"data", "facts"},
    "kubernetes": {"facts", "ssh"},
    "artifacts": set[str](),
    "debian": {"artifacts", "data"},
    "resources": {"artifacts", "data", "debian", "facts", "ssh"},
    "run": {"data", "facts", "kubernetes", "needs", "ssh"},
    "tls": {"data", "facts", "resources", "run"},
    "registries": {"data", "facts", "resources", "run", "ssh", "tls"},
    "drift": {"data", "kubernetes"},
    "helm": {"artifacts", "drift", "kubernetes", "ssh"},
    "needs": {"artifacts", "data", "debian", "helm"},
}
FILES = sorted(
    path.relative_to(REPOSITORY)
    for top in ("whisklab", "deploys")
    for path in (REPOSITORY / top).rglob("*.py")
)


def room(module: str) -> str:
    """The room of a module, such as whisklab.engine or deploys.k3s."""
    return ".".join(module.split(".")[:2])


def imported(path: Path) -> Iterator[str]:
    """The modules of ours that a file imports, wherever in it; names are taken for modules, too."""
    for node in ast.walk(ast.parse((REPOSITORY / path).read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            whole = node.module in {"whisklab", "whisklab.engine", "deploys"}
            yield from (f"{node.module}.{each.name}" if whole else node.module
                        for each in node.names)  # fmt: skip


def may(here: str, there: str) -> bool:
    if here == there or not there.startswith(("whisklab", "deploys")):
        return True
    top = here if here in MAY else here.partition(".")[0]
    wider = there if there in MAY else there.partition(".")[0]
    allowed = MAY[top]
    if wider == "deploys" and there not in MAY and top == "deploys":
        return False
    return there in allowed or wider in allowed


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_file_imports_what_its_room_may(path: Path) -> None:
    parts = path.with_suffix("").parts
    here = room(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    assert [each for each in imported(path) if not may(here, room(each))] == []


def inner(module: str) -> str:
    """The room of the engine that a module is in; "" for none."""
    name = [*module.split("."), ""][2]
    return name if name in ROOMS else ""


@pytest.mark.parametrize(
    "path", [each for each in FILES if each.parts[:2] == ("whisklab", "engine")], ids=str
)
def test_a_room_of_the_engine_imports_what_it_may(path: Path) -> None:
    here = inner(".".join(path.parts[:-1]))
    there = {inner(each) for each in imported(path) if room(each) == "whisklab.engine"}
    assert there - {here, ""} <= ROOMS.get(here, set())


def test_no_two_rooms_of_the_engine_know_each_other() -> None:
    done: set[str] = set()
    while ready := {name for name, above in ROOMS.items() if above <= done} - done:
        done |= ready
    assert done == set(ROOMS)
    there = REPOSITORY / "whisklab/engine"
    assert done == {path.parent.name for path in there.glob("*/__init__.py")}


@pytest.mark.parametrize(
    ("here", "there", "right"),
    [
        ("deploys.k3s", "deploys.nfs", False),
        ("deploys.k3s", "deploys.k3s", True),
        ("deploys.k3s", "deploys.composed", False),
        ("deploys.composed", "deploys.k3s", True),
        ("deploys.k3s", "whisklab.engine", True),
        ("deploys.k3s", "whisklab.cli", False),
        ("deploys.k3s", "whisklab.images", False),
        ("whisklab.engine", "deploys.k3s", False),
        ("whisklab.engine", "whisklab.lab", False),
        ("whisklab.lab", "whisklab.engine", False),
        ("whisklab.cli", "deploys.k3s", True),
        ("whisklab.images", "deploys.registry", False),
        ("whisklab.init", "whisklab.lab", False),
        ("whisklab.bundle", "whisklab.images", True),
        ("whisklab.bundle", "deploys.k3s", False),
        ("whisklab.engine", "whisklab.bundle", False),
        ("whisklab.engine", "paramiko", True),
    ],
)
def test_the_rules(here: str, there: str, *, right: bool) -> None:
    assert may(here, there) is right
