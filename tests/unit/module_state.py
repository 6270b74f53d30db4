"""Which statements let a module or a class keep something: the rule of `test_no_state`.

It reads the source only. What it does not see is a container of a module that is changed under
another name, such as an argument; default arguments are ruff's to judge (B006).
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.unit.bindings import (
    ATTRIBUTE,
    CALL,
    CONTAINERS,
    FUNCTIONS,
    bound,
    changed,
    imports,
    is_container,
    last,
    locals_of,
    root,
)

OURS = ("whisklab", "deploys")
KEEPERS = frozenset((
    "Barrier", "BoundedSemaphore", "ChainMap", "Condition", "Counter", "DummySemaphore", "Event",
    "JoinableQueue", "LifoQueue", "Lock", "OrderedDict", "Pool", "PriorityQueue", "Queue",
    "RLock", "Semaphore", "SimpleNamespace", "SimpleQueue", "ThreadPoolExecutor",
    "WeakKeyDictionary", "WeakSet", "WeakValueDictionary", "count", "cycle", "defaultdict",
    "deque", "iter", "local",
))  # fmt: skip
CACHES = frozenset(("cache", "lru_cache"))


@dataclass(frozen=True)
class Names:
    """What all modules call things, so that one knows what another one has.

    Attributes:
        containers: of modules.
        models: classes that pydantic makes, which copies defaults.
        changing: classes whose objects may change.
    """

    containers: frozenset[str]
    models: frozenset[str]
    changing: frozenset[str]


def names(trees: Iterable[ast.Module]) -> Names:
    """Return what these modules call their containers and classes. Pure."""
    containers, classes = set[str](), list[ast.ClassDef]()
    for tree in trees:
        containers |= {name for name, value, _ in bound(tree.body) if is_container(value)}
        classes += [each for each in ast.walk(tree) if isinstance(each, ast.ClassDef)]
    models = derived(classes, {"BaseModel"})
    changing = derived(classes, {*CONTAINERS, *KEEPERS}, changes) - models
    return Names(frozenset(containers), models, changing)


def derived(
    classes: list[ast.ClassDef],
    bases: set[str],
    or_else: Callable[[ast.ClassDef], bool] = lambda _: False,
) -> frozenset[str]:
    """Return the names of the classes that have one of these bases, or are so by themselves."""
    found = bases | {each.name for each in classes if or_else(each)}
    while more := {each.name for each in classes if found & set(map(last, each.bases))} - found:
        found |= more
    return frozenset(found)


def changes(node: ast.ClassDef) -> bool:
    """Tell whether objects of a class change: it is a dataclass not frozen, or changes self."""
    open_ = any(
        last(each) == "dataclass" and "frozen=True" not in ast.unparse(each)
        for each in node.decorator_list
    )
    return open_ or any(
        last(root(what)) == "self" and (how != CALL or root(what) is not what)
        for each in ast.walk(node)
        for what, how in changed(each)
    )


def findings(tree: ast.Module, known: Names) -> list[str]:
    """Return what a module keeps or changes, each with its line. Pure."""
    found = {*_levels(tree.body, known), *_Uses(tree, known).found}
    return [f"{line}: {text}" for line, text in sorted(found)]


def _levels(body: list[ast.stmt], known: Names, at: str = "") -> Iterator[tuple[int, str]]:
    """What is bound at the level of a module, and of each class in it."""
    for name, value, statement in bound(body):
        is_field = isinstance(statement, ast.AnnAssign) and "ClassVar" not in ast.unparse(statement)
        if not (at in known.models and is_field):
            for each in _made(value):
                if why := _kept(each, known, alone=each is value and bool(name)):
                    yield statement.lineno, f"{name}: {why}"
    for node in [] if at else ast.walk(ast.Module(body, [])):
        if isinstance(node, ast.ClassDef):
            yield from _levels(node.body, known, node.name)


def _made(value: ast.expr) -> Iterator[ast.expr]:
    """An expression, and those in it that are evaluated at once: no bodies of lambdas."""
    yield value
    if not isinstance(value, ast.Lambda):
        for each in ast.iter_child_nodes(value):
            inner = each.value if isinstance(each, ast.keyword) else each
            yield from _made(inner) if isinstance(inner, ast.expr) else ()


def _kept(value: ast.expr, known: Names, *, alone: bool) -> str:
    """Why a value is none of a constant; empty if it is one."""
    called = last(value.func) if isinstance(value, ast.Call) else ""
    if called in CACHES:
        return "a cache"
    if called in KEEPERS or (called in known.changing and called not in CONTAINERS):
        return f"a {called}, which changes"
    if alone and isinstance(value, ast.GeneratorExp):
        return "a generator"
    items = getattr(value, "elts", getattr(value, "keys", getattr(value, "args", [])))
    bare = isinstance(value, (ast.List, ast.Set, ast.Dict)) or called in CONTAINERS
    return "an empty container" if alone and bare and not items else ""


class _Uses(ast.NodeVisitor):
    """Finds where a module changes what lies in modules and classes, wherever in its text."""

    def __init__(self, tree: ast.Module, known: Names) -> None:
        self.found: set[tuple[int, str]] = set()
        imported = dict(imports(tree))
        ours = {name for name, module in imported.items() if module.split(".")[0] in OURS}
        own = {each.name for each in tree.body if isinstance(each, (*FUNCTIONS[:2], ast.ClassDef))}
        self._shared, self._local = ours | own, list[set[str]]()
        self._containers = {name for name, value, _ in bound(tree.body) if is_container(value)}
        self._containers |= ours & known.containers
        self._of_classes = {
            name
            for each in ast.walk(tree) if isinstance(each, ast.ClassDef)
            for name, value, _ in bound(each.body) if is_container(value)
            if each.name not in known.models
        }  # fmt: skip
        self.visit(tree)

    def visit(self, node: ast.AST) -> None:
        """Look at one statement or expression, and all in it."""
        self._local.append(locals_of(node) if isinstance(node, FUNCTIONS) else set())
        if isinstance(node, ast.Global):
            self._say(node, f"global {', '.join(node.names)}")
        for each in getattr(node, "decorator_list", ()):
            if last(each) in CACHES:
                self._say(each, f"{ast.unparse(each)}: a cache")
        for what, how in changed(node):
            if why := self._why(what, how):
                self._say(node, f"{ast.unparse(what)}: {why}")
        self.generic_visit(node)
        self._local.pop()

    def _say(self, node: Any, text: str) -> None:
        self.found.add((node.lineno, text))

    def _why(self, what: ast.expr, how: str) -> str:
        first = root(what)
        name = getattr(first, "id", "")
        if name and not any(name in each for each in self._local):
            if name in self._containers:
                return "a container of a module is changed"
            if name in self._shared and (how == ATTRIBUTE or what is not first):
                return "a class, a function or a module is changed from outside"
        if last(first) == "globals":
            return "a module is changed"
        if last(what) in {"cls", "type", "__class__"} and how == ATTRIBUTE:
            return "a class is changed by its objects"
        inner = what.attr if isinstance(what, ast.Attribute) else ""
        return "a container of a class is changed" if inner in self._of_classes else ""
