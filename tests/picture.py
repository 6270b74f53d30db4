"""The README's picture of a terminal, made of the quickstart's first transcript.

python -m tests.picture > docs/make-lab.svg
"""

from __future__ import annotations

import io

from rich.console import Console
from rich.text import Text

from tests.documents import QUICKSTART, Step, steps

_COLUMNS = 112
# rich's own template fetches a font from elsewhere; this one takes what there is.
_TEMPLATE = """\
<svg viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix {{
  font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace;
  font-size: {char_height}px; line-height: {line_height}px;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}"/>
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def picture(step: Step) -> str:
    """A command and what it prints, as an SVG; the same for the same."""
    console = Console(record=True, width=_COLUMNS, file=io.StringIO())
    console.print(Text.assemble(("$ ", "bold green"), (step.command, "bold")))
    for line in step.shown.splitlines():
        text = Text(line)
        # With the spaces after it: a part that begins with some loses them in some viewers.
        text.highlight_regex(r"(?<= )ok +", "bold green")
        console.print(text, no_wrap=True, overflow="ellipsis")
    return console.export_svg(title=step.command, code_format=_TEMPLATE, unique_id="lab")


if __name__ == "__main__":
    print(picture(steps(QUICKSTART)[0]), end="")
