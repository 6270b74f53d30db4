"""The bench's tables, its plot, and the README's place for its ratios."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.bench import plot, report
from tests.bench.machine import Circumstances
from tests.bench.report import Result

ROOT = Path(__file__).parents[3]
SVG = "{http://www.w3.org/2000/svg}"
README = "before\n<!-- bench: begin; x -->\nold\n<!-- bench: end -->\nafter\n"
QUIET = Circumstances("2026-01-02 03:04", 2, 24.0, "6.1", (1.0, 1.5), {"Python": "3.11.7"})
RESULT = Result(
    title="Runs & <more>",
    about="How.",
    header=("a", "b"),
    rows=[("x|y", "1")],
    bars=[("x", 1.0, "1 s"), ("<y>", 2.0, "2 s")],
    quotes=[("x", "2 times")],
    numbers={"x": 1.0},
)


def test_a_table_is_markdown() -> None:
    assert report.table(("a", "b"), [("x|y", "1")]) == "| a | b |\n| --- | --- |\n| x\\|y | 1 |\n"
    with pytest.raises(ValueError, match="other lengths"):
        report.table(("a", "b"), [("x",)])


def test_a_plot_is_well_formed_and_its_longest_bar_the_largest_value() -> None:
    text = plot.svg([(RESULT.title, RESULT.bars), ("nothing", [])])
    root = ElementTree.fromstring(text)  # noqa: S314  our own
    widths = [float(each.attrib["width"]) for each in root.iter(f"{SVG}rect")
              if each.get("class") == "bar"]  # fmt: skip
    assert widths[1] == 2 * widths[0]
    texts = [each.text for each in root.iter(f"{SVG}text")]
    assert texts == ["Runs & <more>", "x", "1 s", "<y>", "2 s"]


def test_bars_of_nothing_are_drawn() -> None:
    assert 'width="0.0"' in plot.svg([("a", [("x", 0.0, "0 s")])])


def test_each_part_replaces_its_own_numbers_only(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    readme.write_text(README)
    for part in ("b", "a", "b"):
        report.written(part, RESULT, QUIET, tmp_path / "bench", readme)
    assert list(report.read(tmp_path / "bench")) == ["b", "a"]
    text = (tmp_path / "bench/README.md").read_text()
    assert text.index("## a. Runs") < text.index("## b. Runs")
    assert text.count("2 cores, 24 GiB, Linux 6.1, Python 3.11.7; load 1.0 before, 1.5 after.") == 2
    ElementTree.fromstring((tmp_path / "bench/bench.svg").read_text())  # noqa: S314
    assert readme.read_text().count("| x | 2 times |") == 2
    assert "old" not in readme.read_text()


def test_a_readme_without_a_place_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        report.quoted("nothing", {})
    assert "old" not in report.quoted(README, {})


def test_a_busy_machine_is_said() -> None:
    busy = Circumstances("2026-01-02 03:04", 2, 24.0, "6.1", (9.0, 9.0), {})
    assert "other work" in busy.sentence()
    assert "other work" not in QUIET.sentence()
    part = {**asdict(RESULT), "circumstances": asdict(busy)}
    assert "| x | 2 times (beside other work) |" in report.quoted(README, {"a": part})
    assert "2 times" not in report.quoted(README, {"a": part | {"differs": True}})


def test_what_is_in_the_repository_is_what_was_measured() -> None:
    parts = report.read(ROOT / report.DIRECTORY)
    readme = (ROOT / report.README).read_text()
    assert report.quoted(readme, parts) == readme
    if parts:
        assert (ROOT / report.DIRECTORY / report.TABLE).read_text() == report.document(parts)
