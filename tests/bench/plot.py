"""Bars as an SVG, one panel below the other; a few lines of our own, no library."""

from __future__ import annotations

from collections.abc import Sequence
from xml.etree.ElementTree import Element, SubElement, indent, tostring

Panel = tuple[str, Sequence[tuple[str, float, str]]]
_WIDTH, _LABELS, _TEXTS = 900, 270, 200
_ROW, _TITLE, _GAP = 24, 34, 18
_STYLE = """
text { font: 13px sans-serif; fill: #1f2328; }
.title { font-weight: bold; }
.label { text-anchor: end; }
rect.paper { fill: #ffffff; }
rect.bar { fill: #3b7dd8; }
"""


def svg(panels: Sequence[Panel]) -> str:
    """Return a picture of bars. Pure.

    Args:
        panels: the title of each, and its bars (label, value, text); those without are left out.
    """
    shown = [(title, bars) for title, bars in panels if bars]
    height = sum(_TITLE + _ROW * len(bars) + _GAP for _, bars in shown) + _GAP
    root = Element("svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {_WIDTH} {height}")
    SubElement(root, "style").text = _STYLE
    SubElement(root, "rect", {"class": "paper", "width": str(_WIDTH), "height": str(height)})
    top = _GAP
    for title, bars in shown:
        top = _panel(root, top, title, bars)
    indent(root)
    return tostring(root, encoding="unicode") + "\n"


def _panel(root: Element, top: int, title: str, bars: Sequence[tuple[str, float, str]]) -> int:
    _text(root, "title", 12, top + 16, title)
    top += _TITLE
    longest = max(value for _, value, _ in bars) or 1.0
    for label, value, text in bars:
        width = (_WIDTH - _LABELS - _TEXTS) * value / longest
        place = {"x": str(_LABELS), "y": str(top), "height": str(_ROW - 6)}
        SubElement(root, "rect", {"class": "bar", "width": f"{width:.1f}", **place})
        _text(root, "label", _LABELS - 8, top + 14, label)
        _text(root, "value", _LABELS + int(width) + 8, top + 14, text)
        top += _ROW
    return top + _GAP


def _text(root: Element, kind: str, x: int, y: int, text: str) -> None:
    SubElement(root, "text", {"class": kind, "x": str(x), "y": str(y)}).text = text
