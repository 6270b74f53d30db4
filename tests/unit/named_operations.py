"""Which operations there are, and which of them tests name; from the source alone."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.unit.bindings import imports, last

ROOT = Path(__file__).parents[2]
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Operation:
    """An operation of a module.

    Attributes:
        name: with its module's, as `deploys.base.operations.sysctl`.
        parameters: what it takes.
        by: itself, or if it is private, what in its module makes use of it.
    """

    name: str
    parameters: frozenset[str]
    by: frozenset[str] = field(default_factory=frozenset)


def module_of(path: Path) -> str:
    """Return the dotted name of a module of this repository."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def operations(module: str, tree: ast.Module) -> Iterator[Operation]:
    """Return the operations of a module: functions with pyinfra's decorator."""
    functions = {each.name: each for each in tree.body if isinstance(each, Function)}
    for name, function in functions.items():
        if not any(last(each) == "operation" for each in function.decorator_list):
            continue
        given = function.args
        parameters = (*given.posonlyargs, *given.args, *given.kwonlyargs)
        by = {name} if not name.startswith("_") else _users(name, functions)
        yield Operation(
            f"{module}.{name}",
            frozenset(each.arg for each in parameters),
            frozenset(f"{module}.{each}" for each in by),
        )


def named(tree: ast.Module) -> set[str]:
    """Return the full names that a file makes use of.

    What stands in a decorator, such as a list of parameters, does not count: that runs nothing.
    """
    places = dict(imports(tree))
    return {full for node in _run(tree) if (full := _full(node, places))}


def _run(node: ast.AST) -> Iterator[ast.AST]:
    for name, value in ast.iter_fields(node):
        if name == "decorator_list":
            continue
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, ast.AST):
                yield each
                yield from _run(each)


def _users(name: str, functions: dict[str, Function]) -> set[str]:
    """Return the public functions that use a private one, be it by way of others."""
    found: set[str] = set()
    ahead = [name]
    while ahead:
        wanted = ahead.pop()
        for each, function in functions.items():
            uses = {node.id for node in ast.walk(function) if isinstance(node, ast.Name)}
            if wanted in uses and each not in found:
                found.add(each)
                ahead.append(each)
    return {each for each in found if not each.startswith("_")}


def _full(node: ast.AST, places: dict[str, str]) -> str | None:
    if isinstance(node, ast.Name):
        return places.get(node.id)
    if isinstance(node, ast.Attribute) and (owner := _full(node.value, places)):
        return f"{owner}.{node.attr}"
    return None
