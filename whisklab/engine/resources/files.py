"""Files with content of our own: one remote command to look, one to write, never half-written.

Content travels on stdin into a temporary file beside the target (umask 077), gets its owner and
mode there, and is renamed over it. So it may be a secret: it is in no argv, log or diff. The host
is told how many bytes to expect: of a laptop that is gone it only sees that stdin ends.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field

from pyinfra import host
from pyinfra.api import OperationError, operation
from pyinfra.api.command import QuoteString, StringCommand

from whisklab.engine.facts.question import Question
from whisklab.engine.reasons import because, diff_wanted, differs
from whisklab.engine.resources.paths import (
    WRITING,
    FileState,
    FirstLine,
    LinkTarget,
    Matches,
    Stat,
    Text,
    digest,
    written,
)
from whisklab.engine.scripts import script

_WRITE = f"""{WRITING}
umask 077
put() {{
  (umask 022; mkdir -p "$(dirname "$1")") && cat > "$new" || return
  if test "$(wc -c < "$new")" -ne "$4"; then echo "it did not arrive whole"; return 1; fi
  if test -d "$1"; then echo "a directory is there"; return 1; fi
  chown "$3" "$new" && chmod "$2" "$new" && mv -f "$new" "$1"
}}
why=$(put "$@" 2>&1) || {{ echo "$1 was not written, it is as before: $why" >&2; exit 1; }}
"""


def write_command(path: str, content: str, mode: str, owner: str) -> StringCommand:
    """Return the command that puts `content` at `path`, whole or not at all.

    A failure says in one sentence which file and why.
    """
    text = written(content)
    command = script(_WRITE, path, mode, owner, str(len(text.encode())))
    return StringCommand(command, _stdin=[text])


@dataclass(frozen=True)
class File:
    """A file with content of ours.

    Attributes:
        name: of the operation that has it.
        path: absolute; missing directories are made with mode 755.
        content: text; may be a secret.
        mode: octal, without a leading zero.
        owner: `user:group`.
        secret: never show the content, not with --diff either.
        secret_lines: an extended regular expression; nor show what is there when a line of it
            matches.
    """

    name: str
    path: str
    content: str = field(repr=False)
    mode: str = "644"
    owner: str = "root:root"
    secret: bool = False
    secret_lines: str | None = None

    @property
    def question(self) -> Question:
        """What is at the path."""
        return Question.of(Stat, path=self.path)

    def why(self, found: FileState | None) -> str | None:
        """Tell which of kind, mode, owner and content differs. Pure."""
        if found is None:
            return "there is no such file"
        if found.kind != "regular file":
            return f"it is a {found.kind}"
        if (found.mode, found.owner) != (self.mode, self.owner):
            return f"it is {found.mode} {found.owner}, not {self.mode} {self.owner}"
        return None if found.sha256 == digest(self.content) else "its content differs"

    def have(self) -> None:
        """Write it."""
        content(
            name=self.name, path=self.path, content=self.content, mode=self.mode,
            owner=self.owner, secret=self.secret, secret_lines=self.secret_lines,
        )  # fmt: skip


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

    Arguments as the attributes of `File`.
    """
    found = host.get_fact(Stat, path=path)
    why = File("", path, content, mode, owner).why(found)
    if why is None:
        host.noop(f"{path} is as wanted")
        return
    hidden = secret or (
        diff_wanted()
        and secret_lines is not None
        and host.get_fact(Matches, path=path, pattern=secret_lines)
    )
    if diff_wanted() and not hidden:
        differs(why, host.get_fact(Text, path=path), content)
    else:
        because(why)
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


@dataclass(frozen=True)
class Absent:
    """No file of ours at a path.

    Attributes:
        name: of the operation that removes it.
        path: absolute.
        header: the first line by which our file is known; another file is left alone.
    """

    name: str
    path: str
    header: str

    @property
    def question(self) -> Question:
        """By its first line it is ours or not."""
        return Question.of(FirstLine, path=self.path)

    def why(self, found: str | None) -> str | None:
        """Tell that ours is there. Pure."""
        return "it is no longer wanted" if found == self.header else None

    def have(self) -> None:
        """Remove ours."""
        absent(name=self.name, path=self.path, header=self.header)


@operation()
def absent(path: str, header: str) -> Generator[StringCommand]:
    """Have no file of ours at `path`; yields nothing when there is none.

    Arguments as the attributes of `Absent`.
    """
    if why := Absent("", path, header).why(host.get_fact(FirstLine, path=path)):
        because(why)
        yield StringCommand("rm", "-f", QuoteString(path))


@dataclass(frozen=True)
class Link:
    """A symbolic link; what is there and is no link to our target stays as it is.

    Attributes:
        name: of the operation that has it.
        path: where the link stands.
        target: what it points to.
    """

    name: str
    path: str
    target: str

    @property
    def question(self) -> Question:
        """Where it points."""
        return Question.of(LinkTarget, path=self.path)

    def why(self, found: str | None) -> str | None:
        """Tell that there is nothing. Pure."""
        return "there is no such link" if found is None else None

    def have(self) -> None:
        """Make it."""
        link(name=self.name, path=self.path, target=self.target)


@operation()
def link(path: str, target: str) -> Generator[StringCommand]:
    """Have a symbolic link at `path`; yields nothing when something is there.

    Arguments as the attributes of `Link`.
    """
    found = host.get_fact(LinkTarget, path=path)
    if why := Link("", path, target).why(found):
        because(why)
        yield StringCommand("ln", "-s", QuoteString(target), QuoteString(path))
    elif found != target:
        host.noop(f"{path} is somebody else's, left alone")
