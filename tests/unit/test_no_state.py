"""What a run knows lies in its `Run` (docs/architecture.md): no module and no class keeps it."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.unit import module_state

REPOSITORY = Path(__file__).parents[2]
FILES = sorted(
    path.relative_to(REPOSITORY)
    for top in module_state.OURS
    for path in (REPOSITORY / top).rglob("*.py")
)
TREES = {path: ast.parse((REPOSITORY / path).read_text()) for path in FILES}
NAMES = module_state.names(TREES.values())


@pytest.mark.parametrize("path", FILES, ids=str)
def test_a_module_keeps_nothing(path: Path) -> None:
    assert module_state.findings(TREES[path], NAMES) == []


KEEPS = {
    "an empty container": """
        known = {}
        ^""",
    "an empty one with a type": """
        known: dict[str, int] = dict()
        ^""",
    "an empty one where it is not at once seen": """
        try:
            if True:
                known = []
                ^
        except OSError:
            pass""",
    "an empty one of a class": """
        class A:
            known: list[str] = []
            ^""",
    "a dict of defaults": """
        from collections import defaultdict
        known = defaultdict(list)
        ^""",
    "weak references": """
        import weakref
        known = weakref.WeakKeyDictionary()
        ^""",
    "a lock": """
        from threading import Lock
        turn = Lock()
        ^""",
    "a semaphore in a constant": """
        from gevent.lock import BoundedSemaphore
        TURNS = ("a", BoundedSemaphore(2))
        ^""",
    "an event of a class": """
        from threading import Event
        class A:
            over = Event()
            ^""",
    "a counter": """
        import itertools
        numbers = itertools.count()
        ^""",
    "a generator": """
        lines = (each for each in "ab")
        ^""",
    "an object that changes": """
        class Clock:
            def __init__(self):
                self.over = False
        clock = Clock()
        ^""",
    "an object of a class that derives from one": """
        class Told(dict[str, int]):
            pass
        class More(Told):
            pass
        told = More(a=1)
        ^""",
    "an object of a dataclass": """
        from dataclasses import dataclass
        @dataclass
        class Told:
            name: str
        told = Told("a")
        ^""",
    "a cache": """
        from functools import cache
        @cache
        ^
        def read(path): ...""",
    "a cache with a size": """
        import functools
        @functools.lru_cache(maxsize=1)
        ^
        def read(path): ...""",
    "a cache made by a call": """
        from functools import cache
        read = cache(open)
        ^""",
    "a global": """
        last = None
        def keep(value):
            global last
            ^
            last = value""",
    "an item of a constant": """
        LAST = [None]
        def keep(value):
            LAST[0] = value
            ^""",
    "an item taken away": """
        LAST = {"a": 1}
        def forget():
            del LAST["a"]
            ^""",
    "more of a constant": """
        LAST = ["a"]
        def keep(value):
            LAST.append(value)
            ^""",
    "more within a constant": """
        LAST = {"a": ["b"]}
        def keep(value):
            LAST["a"].append(value)
            ^""",
    "more of another module's constant": """
        from whisklab.engine import there
        def keep(value):
            there.KNOWN.update(value)
            ^""",
    "more of a constant that was imported": """
        from whisklab.engine.there import KNOWN
        def keep(value):
            KNOWN.add(value)
            ^""",
    "a name of another module": """
        from whisklab.engine import there
        there.last = 1
        ^""",
    "an attribute of a class": """
        class A:
            last = None
        def keep(value):
            A.last = value
            ^""",
    "an attribute of a class elsewhere": """
        from whisklab.engine.there import Connector
        def keep(value):
            setattr(Connector, "secrets", value)
            ^""",
    "an attribute of a function": """
        def keep(value):
            keep.last = value
            ^""",
    "an attribute of its own class": """
        class A:
            def keep(self, value):
                type(self).last = value
                ^""",
    "an attribute by a class method": """
        class A:
            @classmethod
            def keep(cls, value):
                cls.last = value
                ^""",
    "more of its own class' constant": """
        class A:
            known = ["a"]
            def keep(self, value):
                self.known.append(value)
                ^""",
}
CONSTANTS = """
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
import re
import pyinfra
from pydantic import BaseModel
from whisklab.engine import there

NAMES = ["a", "b"]
WORDS = {each: f"the {each}" for each in NAMES}
BOTH = {**WORDS} | {"c": "d"}
NOTHING: Mapping[str, str] = MappingProxyType({})
LINE = re.compile("a")
_asking: ContextVar[bool] = ContextVar("asking", default=False)
FIRST, SECOND = (each.upper() for each in NAMES)

class Settings(BaseModel):
    names: list[str] = []

@dataclass(frozen=True)
class Wish:
    name: str
    parts: list[str] = field(default_factory=list)

WISH = Wish("a")

class Run:
    def __init__(self):
        self.parts = {}

    def keep(self, name, value):
        self.parts[name] = value
        self.remove(name)

    def remove(self, name):
        self.parts.pop(name)

    @cached_property
    def names(self):
        return list(self.parts)

def work(run, WORDS):
    found = []
    found.append(1)
    WORDS["a"] = "b"
    run.last = found
    there.remove("a")
    pyinfra.is_cli = True
    NAMES = {"x"}
    NAMES.add("y")
    return lambda: NAMES.clear()
"""


def told(text: str) -> list[int]:
    """The lines at which something is found."""
    tree = ast.parse(text)
    there = ast.parse("KNOWN = {'a'}")
    found = module_state.findings(tree, module_state.names([tree, there]))
    return sorted({int(each.split(":")[0]) for each in found})


@pytest.mark.parametrize("kind", KEEPS)
def test_what_keeps_something_is_found(kind: str) -> None:
    lines = KEEPS[kind].replace("\n        ", "\n").splitlines()
    marked = next(number for number, line in enumerate(lines) if line.strip() == "^")
    text = "\n".join(line for line in lines if line.strip() != "^")
    assert told(text) == [marked]


def test_constants_and_what_belongs_to_objects_are_none() -> None:
    assert told(CONSTANTS) == []
