"""Changes of a chart's files without a fork: whole files, and edits tied to lines of the original.

What is committed is our text only; the original is the pinned chart, and a line that is no longer
there is an error instead of a silent surprise.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

from whisklab.errors import BadInput

_NAME = re.compile(r"\$?\$\{(?P<name>[A-Z][A-Z0-9_]*)\}")


@dataclass(frozen=True)
class Edit:
    """A change of one file.

    Attributes:
        file: its path in the chart.
        anchor: whole lines of it, that stand there once; their indentation does not count.
        text: new lines, indented as the first line of the anchor.
        where: in place of the anchor, before or after it.
    """

    file: str
    anchor: str
    text: str
    where: Literal["replace", "before", "after"] = "replace"


@dataclass(frozen=True)
class Overlay:
    """What is changed in a chart.

    Attributes:
        edits: in this order, each sees what the ones before it made.
        files: path in the chart to content, put there before the edits; may be secrets.
    """

    edits: tuple[Edit, ...] = ()
    files: Mapping[str, bytes] = field(default_factory=dict, repr=False)

    def __bool__(self) -> bool:
        """Tell whether anything is changed at all."""
        return bool(self.edits or self.files)

    @property
    def digest(self) -> str:
        """SHA-256 of all of it."""
        total = hashlib.sha256()
        for part in self._parts():
            total.update(f"{len(part)} ".encode() + part)
        return total.hexdigest()

    def _parts(self) -> Iterator[bytes]:
        for edit in self.edits:
            yield from (text.encode() for text in (edit.file, edit.where, edit.anchor, edit.text))
        for path, data in sorted(self.files.items()):
            yield path.encode()
            yield data

    def applied(self, files: Mapping[str, bytes]) -> dict[str, bytes]:
        """Return a chart's files with the changes.

        Args:
            files: path in the chart to content.

        Raises:
            BadInput: an edit's file is not there, or its anchor is not there exactly once.
        """
        changed = {**files, **self.files}
        for edit in self.edits:
            if edit.file not in changed:
                raise BadInput(f"edit of {edit.file}: the chart has no such file")
            changed[edit.file] = _edited(changed[edit.file].decode(), edit).encode()
        return changed


def _edited(text: str, edit: Edit) -> str:
    lines, anchor = text.splitlines(), [line.strip() for line in edit.anchor.splitlines()]
    bare = [line.strip() for line in lines]
    places = [at for at in range(len(lines)) if bare[at : at + len(anchor)] == anchor]
    if len(places) != 1:
        found = f"{len(places)} times" if places else "not there"
        raise BadInput(
            f"edit of {edit.file}: the line {anchor[0]!r} is {found}, expected once: the edit was "
            "made for another version of the chart"
        )
    start = places[0]
    end = start + len(anchor)
    indent = lines[start][: len(lines[start]) - len(lines[start].lstrip())]
    new = [f"{indent}{line}".rstrip() for line in edit.text.splitlines()]
    before = end if edit.where == "after" else start
    after = start if edit.where == "before" else end
    return "\n".join([*lines[:before], *new, *lines[after:]]) + "\n"


def filled(text: str, values: Mapping[str, str], where: str) -> str:
    """Return a text with `${NAME}` filled in; `$${NAME}` stays as `${NAME}`.

    A shell's own `$NAME` and `$(command)` are left as they are.

    Args:
        text: with placeholders.
        values: by name.
        where: whose text it is, for the sentence.

    Raises:
        BadInput: a name that has no value.
    """

    def one(match: re.Match[str]) -> str:
        if match[0].startswith("$$"):
            return match[0][1:]
        name = match["name"]
        if name not in values:
            raise BadInput(
                f"{where}: ${{{name}}} has no value, there are {', '.join(sorted(values))}; the "
                f"shell's own is written $${{{name}}}"
            )
        return values[name]

    return _NAME.sub(one, text)
