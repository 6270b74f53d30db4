"""Lines of ours in a text file that is somebody else's, between two lines that mark them."""

from __future__ import annotations

from collections.abc import Generator

from pyinfra import host
from pyinfra.api import operation
from pyinfra.api.command import StringCommand

from whisklab.engine.reasons import because, diff_wanted, differs
from whisklab.engine.resources.files import write_command
from whisklab.engine.resources.paths import Text, written


def with_block(text: str, marker: str, lines: list[str]) -> str:
    """Return `text` with `lines` as the block of `marker`, in its old place or at the end.

    Without `lines` the block is removed. Pure; applying it twice changes nothing.
    """
    begin, end = f"# BEGIN {marker}", f"# END {marker}"
    if not lines and begin not in text.splitlines():
        return text
    block = [begin, *lines, end] if lines else []
    old = text.splitlines()
    if begin in old and end in old[old.index(begin) :]:
        start = old.index(begin)
        stop = old.index(end, start)
        return written("\n".join([*old[:start], *block, *old[stop + 1 :]]))
    return written("\n".join([*old, *block]))


@operation()
def block(
    path: str, marker: str, lines: list[str], owner: str = "root:root"
) -> Generator[StringCommand]:
    """Have `lines` between marker lines in the text file at `path`; the rest is not ours.

    Args:
        path: a file of mode 644.
        marker: names the block.
        lines: without line ends; none removes the block.
        owner: `user:group`.
    """
    text = host.get_fact(Text, path=path)
    wanted = with_block(text, marker, lines)
    if text != wanted:
        if diff_wanted():
            differs("its lines differ", text, wanted)
        else:
            because("its lines differ")
        yield write_command(path, wanted, "644", owner)
