"""What README and docs/ have people type, and what they say that comes of it."""

from __future__ import annotations

import doctest
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
QUICKSTART = ROOT / "docs/quickstart.md"
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
# What is another each time: durations, ages, identifiers, ports that are free. Versions are not.
_ANOTHER = (
    (re.compile(r"\x1b\[[0-9;]*m"), ""),
    (re.compile(r"[ \t]+"), " "),
    (re.compile(r" $", re.MULTILINE), ""),
    (re.compile(r"\b\d+(\.\d+)? (ms|s|min|h|days?)\b"), "TIME"),
    (re.compile(r"(?<=of which init )\d+"), "TIME"),
    (re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f-]{22}|\b[0-9a-f]{32}\b"), "ID"),
    (re.compile(r"127\.0\.0\.1:\d+"), "127.0.0.1:PORT"),
    (re.compile(r"(?<= )(?=\d)(\d+d)?(\d+h)?(\d+m)?(\d+s)?(?= |$)", re.MULTILINE), "TIME"),
)


@dataclass(frozen=True)
class Step:
    """A command of a transcript, and what the page says that it prints (`...` for anything)."""

    command: str
    shown: str


def commands(page: Path) -> list[str]:
    """The commands of a page's sh blocks, with their comments."""
    return [line for kind, text in _blocks(page) if kind == "sh" for line in text.splitlines()]


def steps(page: Path) -> list[Step]:
    """The transcripts of a page, which are its console blocks."""
    found: list[Step] = []
    for kind, text in _blocks(page):
        if kind == "console":
            parts = re.split(r"^\$ (.*)\n", text, flags=re.MULTILINE)
            assert not parts[0], f"{page}: a transcript begins with a command: {parts[0]}"
            found += map(Step, parts[1::2], parts[2::2])
    return found


def difference(shown: str, printed: str) -> str:
    """What a page shows and a command does not print, as lines to read; empty when they agree."""
    example = doctest.Example("", _usual(shown))
    flags = doctest.ELLIPSIS
    checker = doctest.OutputChecker()
    if checker.check_output(example.want, _usual(printed), flags):
        return ""
    return checker.output_difference(example, _usual(printed), flags)


def _blocks(page: Path) -> Iterator[tuple[str, str]]:
    return ((found[1], found[2]) for found in _BLOCK.finditer(page.read_text()))


def _usual(text: str) -> str:
    for pattern, word in _ANOTHER:
        text = pattern.sub(word, text)
    return text
