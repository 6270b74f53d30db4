"""Files with content of our own: one remote command to look, one to write, never half-written.

Content travels on stdin into a temporary file beside the target (umask 077), gets its owner and
mode there, and is renamed over it. So it may be a secret: it is in no argv, log or diff. The host
is told how many bytes to expect: of a laptop that is gone it only sees that stdin ends.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass

from pyinfra import host
from pyinfra.api import FactBase, FactProcessError, OperationError, operation
from pyinfra.api.command import QuoteString, StringCommand

from whisklab.engine.many import Arguments, Many
from whisklab.engine.reasons import because, diff_wanted, differs

SHA256_HEX = 64
_WRITE = """
umask 077; new="$1.whisklab-new"
trap 'rm -f "$new"' EXIT
put() {
  (umask 022; mkdir -p "$(dirname "$1")") && cat > "$new" || return
  if test "$(wc -c < "$new")" -ne "$4"; then echo "it did not arrive whole"; return 1; fi
  chown "$3" "$new" && chmod "$2" "$new" && mv -f "$new" "$1"
}
why=$(put "$@" 2>&1) || { echo "$1 was not written, it is as before: $why" >&2; exit 1; }
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


class Script(StringCommand):
    """`sh -c TEXT` with `arguments` as $1, $2 ..., so that no value is ever parsed."""

    def __init__(self, text: str, *arguments: str) -> None:
        self.text, self._arguments = text, tuple(map(QuoteString, arguments))
        super().__init__("sh", "-c", QuoteString(text), "whisklab", *self._arguments)

    def inline(self) -> StringCommand:
        """Return the same for a shell that is there, whose arguments and variables it changes."""
        return StringCommand("set", "--", *self._arguments, "\n", self.text)


def script(text: str, *arguments: str) -> StringCommand:
    """Return a Script."""
    return Script(text, *arguments)


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


def write_command(path: str, content: str, mode: str, owner: str) -> StringCommand:
    """Return the command that puts `content` at `path`, whole or not at all.

    A failure says in one sentence which file and why.
    """
    text = written(content)
    command = script(_WRITE, path, mode, owner, str(len(text.encode())))
    return StringCommand(command, _stdin=[text])


def why_differs(found: FileState | None, mode: str, owner: str) -> str:
    """Return what differs between a file and the wish, as half a sentence. Pure."""
    if found is None:
        return "there is no such file"
    if found.kind != "regular file":
        return f"it is a {found.kind}"
    if (found.mode, found.owner) != (mode, owner):
        return f"it is {found.mode} {found.owner}, not {mode} {owner}"
    return "its content differs"


@operation()
def content(
    path: str,
    content: str,
    mode: str = "644",
    owner: str = "root:root",
    *,
    secret: bool = False,
    secret_lines: str | None = None,
) -> Generator[StringCommand]:
    """Have exactly `content` at `path`, with this mode and owner; yields nothing when it is so.

    Args:
        path: absolute; missing directories are made with mode 755.
        content: text; may be a secret.
        mode: octal, without a leading zero.
        owner: `user:group`.
        secret: never show the content, not with --diff either.
        secret_lines: an extended regular expression; nor show what is there when a line of it
            matches.
    """
    found = host.get_fact(Stat, path=path)
    if found == FileState("regular file", owner, mode, digest(content)):
        host.noop(f"{path} is as wanted")
        return
    hidden = secret or (
        diff_wanted()
        and secret_lines is not None
        and host.get_fact(Matches, path=path, pattern=secret_lines)
    )
    if diff_wanted() and not hidden:
        differs(why_differs(found, mode, owner), host.get_fact(Text, path=path), content)
    else:
        because(why_differs(found, mode, owner))
    yield write_command(path, content, mode, owner)


@operation()
def directory(path: str, mode: str, owner: str) -> Generator[StringCommand]:
    """Have a directory with this mode and owner; what is in it stays as it is.

    Args:
        path: absolute; missing directories above it are made with mode 755.
        mode: octal, without a leading zero.
        owner: `user:group`.

    Raises:
        OperationError: something else is there.
    """
    found = host.get_fact(Stat, path=path)
    if found == FileState("directory", owner, mode, None):
        host.noop(f"{path} is as wanted")
        return
    if found is not None and found.kind != "directory":
        raise OperationError(f"{path} is a {found.kind}, no directory: move it elsewhere")
    because(f"it is {found.mode} {found.owner}, not {mode} {owner}" if found else "there is none")
    user, _, group = owner.partition(":")
    words = ["install", "-d", "-m", mode, "-o", user, "-g", group, "--", path]
    yield StringCommand(*map(QuoteString, words))


class FirstLine(FactBase[str | None]):
    """The first line of the file at `path`, None when there is no file."""

    def command(self, path: str) -> StringCommand:
        """Print at most one line."""
        return script('if test -f "$1"; then head -n 1 "$1"; fi', path)

    def process(self, output: list[str]) -> str:
        """Take it as it is."""
        return output[0]


@operation()
def absent(path: str, header: str) -> Generator[StringCommand]:
    """Have no file of ours at `path`; yields nothing when there is none.

    Args:
        path: absolute.
        header: the first line by which our file is known; another file is left alone.
    """
    if host.get_fact(FirstLine, path=path) == header:
        because("it is no longer wanted")
        yield StringCommand("rm", "-f", QuoteString(path))


@operation()
def link(path: str, target: str) -> Generator[StringCommand]:
    """Have a symbolic link at `path`; what is there and is no link to our target stays as it is.

    Args:
        path: where the link stands.
        target: what it points to.
    """
    found = host.get_fact(LinkTarget, path=path)
    if found is None:
        because("there is no such link")
        yield StringCommand("ln", "-s", QuoteString(target), QuoteString(path))
    elif found != target:
        host.noop(f"{path} is somebody else's, left alone")


class LinkTarget(FactBase[str | None]):
    """Where the link at `path` points; "" for something that is no link, None for nothing."""

    def command(self, path: str) -> StringCommand:
        """One line: the target after a mark, so that an empty one is seen too."""
        return script('if test -e "$1" -o -L "$1"; then echo "=$(readlink "$1")"; fi', path)

    def process(self, output: list[str]) -> str:
        """Drop the mark."""
        return output[0][1:]
