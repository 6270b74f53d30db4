"""Whether what a run uploads has room on a host: told before the first change, in a plan too."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Collection, Generator, Mapping, Sequence
from dataclasses import dataclass

from pyinfra import host
from pyinfra.api import FactBase, FactProcessError, operation
from pyinfra.api.command import FunctionCommand, StringCommand

from whisklab.engine.artifacts.entries import Artifact
from whisklab.engine.artifacts.fetching import size
from whisklab.engine.facts import asking
from whisklab.engine.resources.kept import KEPT, is_kept
from whisklab.engine.resources.placed import PlacedFile
from whisklab.engine.resources.possible import refused
from whisklab.engine.resources.pushing import Pushed
from whisklab.engine.scripts import script

MB = 1 << 20
_LINE = re.compile(r"([0-9]+) ([0-9]+) ([0-9]+) (/.*)")


@dataclass(frozen=True)
class Space:
    """What root can still write to a file system: its device's number, and bytes."""

    device: str
    free: int


class FreeSpace(FactBase[dict[str, Space]]):
    """Path to the space where it would be made: of its nearest directory that exists."""

    def command(self, paths: list[str]) -> StringCommand:
        """One line for each path."""
        return script(
            'for path; do up=$path; while ! test -d "$up"; do up=$(dirname "$up"); done; '
            'echo "$(stat -c %d "$up") $(stat -f -c "%f %S" "$up") $path"; done',
            *paths,
        )

    def process(self, output: list[str]) -> dict[str, Space]:
        """Parse stat's numbers; the path is the rest of the line."""
        found = {}
        for line in output:
            told = _LINE.fullmatch(line)
            if not told:
                raise FactProcessError(f"unexpected answer of stat: {line}")
            found[told[4]] = Space(told[1], int(told[2]) * int(told[3]))
        return found


@operation()
def room(
    files: Sequence[tuple[Artifact, str]], keep: Collection[str] = ()
) -> Generator[FunctionCommand]:
    """Have room for those of the files that this host lacks; else fail it, in plans too.

    What is not on the laptop yet has no size to compare: `pushing.push` does it then.

    Args:
        files: artifacts and the absolute paths where they will be pushed.
        keep: those of the paths of which hosts keep copies: there these need no more room, if they
            are on the same file system.
    """
    lacking = {
        path: artifact
        for artifact, path in files
        if size(artifact)
        and Pushed("", artifact, path).why_sent(asking.once(PlacedFile, path=path))
    }
    if lacking:
        spaces = host.get_fact(FreeSpace, paths=[*lacking, KEPT])
        sent = {
            path: artifact
            for path, artifact in lacking.items()
            if path not in keep
            or spaces[path].device != spaces[KEPT].device  # then it is copied
            or not is_kept(artifact, path)
        }
        yield from refused(too_large(sent, spaces))


def too_large(lacking: Mapping[str, Artifact], spaces: Mapping[str, Space]) -> list[str]:
    """Return a sentence for each file system that has not the room. Pure.

    Args:
        lacking: path to artifact.
        spaces: path to the space there.
    """
    together: dict[str, list[str]] = defaultdict(list)
    for path in lacking:
        together[spaces[path].device].append(path)
    sentences = []
    for paths in together.values():
        needed = sum(size(lacking[path]) or 0 for path in paths)
        free = spaces[paths[0]].free
        if needed > free:
            what = ", ".join(f"{path} ({lacking[path]})" for path in paths)
            sentences.append(
                f"{what}: {needed / MB:.0f} MB are needed, and {free / MB:.0f} MB are free there: "
                "make room, and run again"
            )
    return sentences
