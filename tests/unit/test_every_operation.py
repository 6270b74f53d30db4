"""Each operation has a contract test: one that is new and has none fails here."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from pyinfra.api.arguments import all_argument_meta

from tests.unit.named_operations import ROOT, Operation, module_of, named, operations


def trees(*under: str) -> Iterator[tuple[Path, ast.Module]]:
    for directory in under:
        for path in sorted((ROOT / directory).rglob("*.py")):
            yield path, ast.parse(path.read_text())


def ours() -> list[Operation]:
    found = [each for path, tree in trees("whisklab", "deploys")
             for each in operations(module_of(path), tree)]  # fmt: skip
    assert found
    return found


def test_each_operation_is_run_by_a_contract_test() -> None:
    run = set().union(*(named(tree) for _, tree in trees("tests/contract")))
    assert [each.name for each in ours() if not each.by & run] == []


def test_no_parameter_is_a_global_argument_of_pyinfra() -> None:
    """Which it would take, and the operation would never see it."""
    assert [each.name for each in ours() if each.parameters & set(all_argument_meta)] == []


MODULE = """
    from pyinfra.api import operation
    from pyinfra import api

    @operation()
    def one(path, *, mode): ...

    @api.operation(is_idempotent=False)
    def two(): ...

    @operation
    def _three(): ...

    def stage():
        _begin()

    def _begin():
        _three()

    def other(): ...
"""


def test_operations_are_known_by_their_decorator_and_private_ones_by_who_uses_them() -> None:
    found = list(operations("a.b", ast.parse(dedent(MODULE))))
    assert found == [
        Operation("a.b.one", frozenset({"path", "mode"}), frozenset({"a.b.one"})),
        Operation("a.b.two", frozenset(), frozenset({"a.b.two"})),
        Operation("a.b._three", frozenset(), frozenset({"a.b.stage"})),
    ]


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("from a import b\ndef test(): run(b.one)", True),
        ("from a import b as c\ndef test(): run(c.one)", True),
        ("from a.b import one\ndef test(): run(one, path=1)", True),
        ("from a.b import one as other\nRUNS = [lambda: run(other)]", True),
        ("import a.b\ndef test(): run(a.b.one)", True),
        ("import a.b as c\ndef test(): run(c.one)", True),
        ("from a import b\ndef test():\n def within(): b.one()", True),
        ("from a import b\nSTEP = (b.one, {})", True),
        ("from a.b import one\ndef test(): pass", False),
        ("from a import b\n@parametrize([b.one])\ndef test(): pass", False),
        ("from a import b\ndef test(): run(b.two)", False),
        ("from x import b\ndef test(): run(b.one)", False),
        ("def test(one): run(one)", False),
    ],
)
def test_a_name_is_that_of_the_module_it_was_imported_from(text: str, *, runs: bool) -> None:
    assert ("a.b.one" in named(ast.parse(text))) is runs
