"""What a host was asked in the last run of a kind: names of facts and arguments, never commands."""

from __future__ import annotations

import hashlib
import json
import secrets
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from whisklab.engine.cache import writing
from whisklab.engine.facts.question import Question, remembered
from whisklab.errors import WhisklabError
from whisklab.paths import cache_dir


def place(host: str, kind: Iterable[str]) -> Path:
    """Return the file of a host and a kind of run, in the cache."""
    key = hashlib.sha256("\0".join([host, *kind]).encode()).hexdigest()
    return cache_dir() / "asked" / f"{key}.json"


def read(path: Path) -> list[Question]:
    """Return the questions of a file that this program would ask; none of one that is damaged."""
    found = (remembered(name, text) for name, text in _rows(path))
    return list(dict.fromkeys(each for each in found if each))


def notes(path: Path, kind: str) -> list[str]:
    """Return the texts of a kind that a room has left for the next run."""
    return [text for name, text in _rows(path) if name == kind]


def _rows(path: Path) -> list[tuple[str, str]]:
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))
        return [(str(name), str(text)) for name, text in rows]
    except (OSError, ValueError, TypeError):  # there is none, or it is no list of ours
        return []


def write(path: Path, rows: Iterable[tuple[str, str]]) -> None:
    """Keep names and texts for the next run, which is slower without them, nothing else."""
    text = json.dumps([list(each) for each in rows], indent=1)
    with suppress(WhisklabError), writing(path.parent):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        beside = path.with_suffix(f".{secrets.token_hex(4)}")
        beside.write_text(text, encoding="utf-8")
        beside.replace(path)
