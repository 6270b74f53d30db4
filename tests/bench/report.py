"""What a part found, as numbers, as a table, and where all parts are written together.

Parts are measured in runs of their own: each replaces its own numbers in docs/bench.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.bench import plot
from tests.bench.machine import Circumstances

DIRECTORY = Path("docs/bench")
README = Path("README.md")
NUMBERS, TABLE, PLOT = "results.json", "README.md", "bench.svg"
_QUOTED = re.compile(r"(<!-- bench: begin[^\n]*-->\n).*?(<!-- bench: end -->)", re.S)
_HEAD = """# What `make bench` has measured

Written by `make bench` (tests/bench), each part on the machine, at the time and under the load that is said with it. Machines are noisy: read the
ratios, which are measured in turns in one run, rather than the seconds. CPU is the processor time of the program on the laptop's side with all its children.

![the same as bars](bench.svg)
"""  # noqa: E501  a line of the document


@dataclass(frozen=True)
class Result:
    """What a part found.

    Attributes:
        title: of the part.
        about: how it was measured, as sentences.
        header: of the table.
        rows: of it.
        bars: (label, value, text) of the plot.
        quotes: (what, how much) that the README may say.
        numbers: what the table was made of.
        differs: what is quoted is a difference of seconds, which other work drowns.
    """

    title: str
    about: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    bars: Sequence[tuple[str, float, str]] = ()
    quotes: Sequence[tuple[str, str]] = ()
    numbers: Mapping[str, Any] = field(default_factory=dict)
    differs: bool = False


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table. Pure.

    Raises:
        ValueError: a row has another number of cells than the header.
    """
    lines = [list(header), ["---"] * len(header), *(list(row) for row in rows)]
    if any(len(line) != len(header) for line in lines):
        raise ValueError(f"rows of other lengths than {header}")
    cells = ([cell.replace("|", "\\|") for cell in line] for line in lines)
    return "".join(f"| {' | '.join(line)} |\n" for line in cells)


def section(part: str, found: Mapping[str, Any]) -> str:
    """Return the part of the document on one part of the bench. Pure."""
    when = Circumstances(**found["circumstances"]).sentence()
    head = f"## {part}. {found['title']}\n\n{found['about']}\n\n{when}\n\n"
    return head + table(found["header"], found["rows"])


def document(parts: Mapping[str, Mapping[str, Any]]) -> str:
    """Return docs/bench/README.md. Pure."""
    return "\n".join([_HEAD, *(section(part, parts[part]) for part in sorted(parts))])


def quoted(text: str, parts: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the README with the ratios that were measured, at their place. Pure.

    Raises:
        ValueError: there is no place for them.
    """
    rows = [row for part in sorted(parts) for row in _quotes(parts[part])]
    if not _QUOTED.search(text):
        raise ValueError("the README has no place for what the bench measured")
    lines = table(("measured by `make bench`", ""), rows) if rows else ""
    return _QUOTED.sub(lambda found: found[1] + lines + found[2], text)


def _quotes(found: Mapping[str, Any]) -> list[tuple[str, str]]:
    busy = Circumstances(**found["circumstances"]).busy
    if busy and found["differs"]:
        return []
    beside = " (beside other work)" if busy else ""
    return [(what, f"{much}{beside}") for what, much in found["quotes"]]


def read(directory: Path = DIRECTORY) -> dict[str, dict[str, Any]]:
    """Return what was measured before, by its part."""
    path = directory / NUMBERS
    known: dict[str, dict[str, Any]] = json.loads(path.read_text()) if path.exists() else {}
    return known


def written(
    part: str, result: Result, circumstances: Circumstances, directory: Path = DIRECTORY,
    readme: Path = README,
) -> dict[str, Any]:  # fmt: skip
    """Write what a part found beside what the others have; return it as numbers."""
    # As JSON has it, so that what was read and what is new look alike.
    new: dict[str, Any] = json.loads(
        json.dumps(asdict(result) | {"circumstances": asdict(circumstances)})
    )
    parts = read(directory) | {part: new}
    directory.mkdir(parents=True, exist_ok=True)
    (directory / NUMBERS).write_text(json.dumps(parts, indent=1) + "\n")
    (directory / TABLE).write_text(document(parts))
    panels = [(parts[each]["title"], parts[each]["bars"]) for each in sorted(parts)]
    (directory / PLOT).write_text(plot.svg(panels))
    readme.write_text(quoted(readme.read_text(), parts))
    return new
