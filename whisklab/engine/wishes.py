"""What a capability wants on a host as data: to have it, and to tell beforehand if it is there.

Whoever must know before the first change which machines would change (a rolling change takes one
after the other) asks for all wishes of a host in one command, `survey.ask`.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

from whisklab.engine import artifacts, files
from whisklab.engine.entries import Artifact
from whisklab.engine.placed import Placed, PlacedFile
from whisklab.engine.survey import Answers, Question


class Wish(Protocol):
    """Something that a host is to have at a path."""

    @property
    def question(self) -> Question:
        """What to ask the host."""

    def met(self, answer: object) -> bool:
        """Tell whether the answer is as wanted. Pure."""

    def have(self) -> None:
        """Call the operation that brings it about on the current host."""


@dataclass(frozen=True)
class File:
    """A file with content of ours (`files.content`)."""

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
        return Question(files.Stat, (self.path,))

    def met(self, answer: object) -> bool:
        """Compare kind, owner, mode and content."""
        return answer == files.FileState(
            "regular file", self.owner, self.mode, files.digest(self.content)
        )

    def have(self) -> None:
        """Write it."""
        files.content(
            name=self.name, path=self.path, content=self.content, mode=self.mode,
            owner=self.owner, secret=self.secret, secret_lines=self.secret_lines,
        )  # fmt: skip


@dataclass(frozen=True)
class Absent:
    """No file of ours at a path (`files.absent`)."""

    name: str
    path: str
    header: str

    @property
    def question(self) -> Question:
        """By its first line it is ours or not."""
        return Question(files.FirstLine, (self.path,))

    def met(self, answer: object) -> bool:
        """Somebody else's file is none of ours."""
        return answer != self.header

    def have(self) -> None:
        """Remove ours."""
        files.absent(name=self.name, path=self.path, header=self.header)


@dataclass(frozen=True)
class Link:
    """A symbolic link (`files.link`)."""

    name: str
    path: str
    target: str

    @property
    def question(self) -> Question:
        """Where it points."""
        return Question(files.LinkTarget, (self.path,))

    def met(self, answer: object) -> bool:
        """What somebody else has put there stays, so it is nothing to do."""
        return answer is not None

    def have(self) -> None:
        """Make it."""
        files.link(name=self.name, path=self.path, target=self.target)


@dataclass(frozen=True)
class Pushed:
    """An artifact at a path (`artifacts.pushed`)."""

    name: str
    artifact: Artifact
    path: str
    mode: str = "755"

    @property
    def question(self) -> Question:
        """Its checksum, or that of the archive it came from; its mode and owner."""
        return Question(PlacedFile, (self.path,))

    def met(self, answer: object) -> bool:
        """Compare them."""
        return (
            isinstance(answer, Placed)
            and answer.is_of(self.artifact.source.sha256)
            and answer.why_not_usable(self.mode) is None
        )

    def have(self) -> None:
        """Push it."""
        artifacts.pushed(name=self.name, artifact=self.artifact, path=self.path, mode=self.mode)


def unmet(wishes: Iterable[Wish], answers: Answers) -> list[Wish]:
    """Return the wishes that a host does not meet, or of which it said nothing. Pure."""
    return [
        wish
        for wish in wishes
        if wish.question not in answers or not wish.met(answers[wish.question])
    ]
