"""What the source of a module binds, imports and changes, as `ast` has it. Pure."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from typing import Any

MUTATORS = frozenset((
    "add", "append", "appendleft", "clear", "difference_update", "discard", "extend",
    "extendleft", "insert", "intersection_update", "move_to_end", "pop", "popitem", "popleft",
    "remove", "reverse", "rotate", "setdefault", "sort", "symmetric_difference_update", "update",
))  # fmt: skip
CONTAINERS = frozenset(("bytearray", "dict", "list", "set"))
DISPLAYS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
ATTRIBUTE, ITEM, CALL = "attribute", "item", "call"


def last(node: ast.expr) -> str:
    """Return the last part of a dotted name, without arguments; empty for anything else."""
    if isinstance(node, (ast.Call, ast.Subscript)):
        return last(node.func if isinstance(node, ast.Call) else node.value)
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def root(node: ast.expr) -> ast.expr:
    """Return where a chain of attributes and items begins."""
    while isinstance(node, (ast.Attribute, ast.Subscript)):
        node = node.value
    return node


def bound(body: Iterable[ast.stmt]) -> Iterator[tuple[str, ast.expr, ast.stmt]]:
    """Return what is bound at the level of a module or class, whatever stands around it there."""
    for each in body:
        if isinstance(each, (ast.Assign, ast.AnnAssign, ast.AugAssign)):
            targets = each.targets if isinstance(each, ast.Assign) else [each.target]
            if each.value is not None:
                yield from ((last(target), each.value, each) for target in targets)
        elif not isinstance(each, (*FUNCTIONS, ast.ClassDef)):
            parts = [getattr(each, part, []) for part in ("body", "orelse", "finalbody")]
            parts += [part.body for part in getattr(each, "handlers", [])]
            yield from (found for part in parts for found in bound(part))


def is_container(value: ast.expr) -> bool:
    """Tell whether an expression makes a container that can be changed."""
    if isinstance(value, ast.BinOp):
        return is_container(value.left) or is_container(value.right)
    called = isinstance(value, ast.Call) and last(value.func) in CONTAINERS
    return isinstance(value, DISPLAYS) or called


def changed(node: ast.AST) -> Iterator[tuple[ast.expr, str]]:
    """Return what a statement or call changes, and how; a name that is bound anew is no change."""
    if isinstance(node, (ast.Attribute, ast.Subscript)) and not isinstance(node.ctx, ast.Load):
        yield node.value, ATTRIBUTE if isinstance(node, ast.Attribute) else ITEM
    elif isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            yield node.func.value, CALL
        elif last(node.func) in {"setattr", "delattr"}:
            yield node.args[0], ATTRIBUTE


def imports(tree: ast.Module) -> Iterator[tuple[str, str]]:
    """Return the names that a module imports, wherever in it, and what each is in full."""
    for each in ast.walk(tree):
        if isinstance(each, ast.Import):
            for name in each.names:
                top = name.name.partition(".")[0]
                yield (name.asname, name.name) if name.asname else (top, top)
        elif isinstance(each, ast.ImportFrom):
            yield from ((name.asname or name.name, f"{each.module}.{name.name}")
                        for name in each.names)  # fmt: skip


def locals_of(function: Any) -> set[str]:
    """Return the names that a function binds itself, and those of the functions in it."""
    inside = list(ast.walk(function))
    given = {each.arg for each in inside if isinstance(each, ast.arg)}
    stored = (each for each in inside if isinstance(each, ast.Name))
    return given | {each.id for each in stored if isinstance(each.ctx, ast.Store)}
