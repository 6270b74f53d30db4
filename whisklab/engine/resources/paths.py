"""What is at a path of a host: a file's kind, owner, mode and digest, its text, a link's target."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from pyinfra.api import FactBase, FactProcessError
from pyinfra.api.command import StringCommand

from whisklab.engine.facts.many import Arguments, Many
from whisklab.engine.scripts import script

SHA256_HEX = 64
# Ends the name of a file that is being written beside the one it will be; a machine that is
# switched off then keeps it.
UNFINISHED = ".whisklab-new"
# Begins a script that writes the file at $1: first as $new, which does not outlive the script.
# (dash runs no EXIT trap when a signal ends it, such as that of a machine that is shut down.)
WRITING = f"""
new="$1{UNFINISHED}"
trap 'rm -f -- "$new"' EXIT
trap 'exit 1' HUP INT TERM
"""


def digest(content: str) -> str:
    """Return the SHA-256 of `content` as it is written to a file (UTF-8), hexadecimal."""
    return hashlib.sha256(written(content).encode()).hexdigest()


def written(content: str) -> str:
    """Return `content` with the one newline at its end that a text file has."""
    return content.rstrip("\n") + "\n"


@dataclass(frozen=True)
class FileState:
    """What is at a path: `kind` as stat prints it, owner:group, octal mode, SHA-256 if a file."""

    kind: str
    owner: str
    mode: str
    sha256: str | None


# `for` goes through what there was when it began.
_STAT_ALL = """
for each; do shift; if test -e "$each" -o -L "$each"; then set -- "$@" "$each"; fi; done
if test $# -gt 0; then stat -c "%F|%U:%G|%a|%n" "$@" || exit; fi
for each; do shift; if test -f "$each"; then set -- "$@" "$each"; fi; done
if test $# -gt 0; then sha256sum "$@"; fi
"""
_ABOUT = re.compile(r"([^|/]+\|[^|/]+\|[0-7]+)\|(/.*)")
_SUM = re.compile(rf"([0-9a-f]{{{SHA256_HEX}}})  (/.*)")


class Stat(Many[FileState | None]):
    """What is at `path`, None when there is nothing."""

    @classmethod
    def together(cls, each: Sequence[Arguments]) -> StringCommand:
        """Two programs for all files, where one by one takes two for each."""
        return script(_STAT_ALL, *(str(one["path"]) for one in each))

    @classmethod
    def apart(cls, output: list[str], each: Sequence[Arguments]) -> list[list[str]]:
        """Sort stat's lines and sha256sum's by their paths."""
        about, sums = (
            {found[2]: found[1] for found in map(pattern.fullmatch, output) if found}
            for pattern in (_ABOUT, _SUM)
        )
        paths = [str(one["path"]) for one in each]
        if len(about) + len(sums) != len(output) or not {*about, *sums} <= set(paths):
            raise FactProcessError(f"unexpected answer of stat and sha256sum: {output[:2]}")
        there = (([about[path]] if path in about else []) for path in paths)
        return [
            lines + ([sums[path]] if path in sums else [])
            for path, lines in zip(paths, there, strict=True)
        ]

    def command(self, path: str) -> StringCommand:
        """One command, exit 0 whether or not there is a file."""
        return script(
            'if test -e "$1" -o -L "$1"; then stat -c "%F|%U:%G|%a" "$1"; fi; '
            'if test -f "$1"; then sha256sum < "$1"; fi',
            path,
        )

    def process(self, output: list[str]) -> FileState:
        """Parse stat's line and sha256sum's."""
        fields = output[0].split("|")
        sha256 = output[1].split()[0] if len(output) > 1 else None
        if len(fields) != 3 or (sha256 is not None and len(sha256) != SHA256_HEX):  # noqa: PLR2004
            raise FactProcessError(f"unexpected answer of stat: {output[:2]}")
        return FileState(fields[0], fields[1], fields[2], sha256)


class Text(FactBase[str]):
    """The text of the file at `path`, empty when there is none. Not for secrets: -vvv prints it."""

    @staticmethod
    def default() -> str:
        """No text."""
        return ""

    def command(self, path: str) -> StringCommand:
        """Print the file, or nothing."""
        return script('if test -f "$1"; then cat "$1"; fi', path)

    def process(self, output: list[str]) -> str:
        """Join the lines again."""
        return written("\n".join(output))


class Matches(FactBase[bool]):
    """Whether a line of the file at `path` matches an extended regular expression."""

    @staticmethod
    def default() -> bool:
        """No."""
        return False

    def command(self, path: str, pattern: str) -> StringCommand:
        """Nothing of the file itself is printed."""
        return script(
            'if test -f "$1" && grep -qE -e "$2" -- "$1"; then echo yes; fi', path, pattern
        )

    def process(self, output: list[str]) -> bool:
        """It says yes, or nothing."""
        return output == ["yes"]


class FirstLine(FactBase[str | None]):
    """The first line of the file at `path`, None when there is no file."""

    def command(self, path: str) -> StringCommand:
        """Print at most one line."""
        return script('if test -f "$1"; then head -n 1 "$1"; fi', path)

    def process(self, output: list[str]) -> str:
        """Take it as it is."""
        return output[0]


class LinkTarget(FactBase[str | None]):
    """Where the link at `path` points; "" for something that is no link, None for nothing."""

    def command(self, path: str) -> StringCommand:
        """One line: the target after a mark, so that an empty one is seen too."""
        return script('if test -e "$1" -o -L "$1"; then echo "=$(readlink "$1")"; fi', path)

    def process(self, output: list[str]) -> str:
        """Drop the mark."""
        return output[0][1:]
