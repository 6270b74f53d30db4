"""Copies of large files that hosts keep, so that one that was taken off comes back without its way.

There is one for each path, and the next file at the path takes its place: nothing piles up, and
nobody has to clear it. It is a hard link as long as the file is there, and so takes no room; only
on another file system it is a copy, where there is room for it. It is compared, by its digest, each
time it is used.
"""

from __future__ import annotations

from pyinfra.api import FactBase
from pyinfra.api.command import StringCommand

from whisklab.engine.artifacts.entries import Artifact
from whisklab.engine.facts import asking
from whisklab.engine.resources.paths import UNFINISHED, WRITING
from whisklab.engine.resources.placed import UNPACKED
from whisklab.engine.scripts import script

KEPT = "/var/lib/whisklab/kept"  # on a host: a file for each path
# To keep what is at the path $1. Whatever goes wrong, there is no copy then, and nothing else.
# Twice its size is to be free, so that it never takes the last room.
KEEP = f"""
keep() {{
  kept=$1/$(printf %s "$2" | tr / _)
  mkdir -p -m 700 "$1" && test ! -d "$kept" && rm -f -- "$kept" || return 0
  ln -T -- "$2" "$kept" 2>/dev/null && return
  free=$(($(stat -f -c '%f * %S' "$1")))
  if test $((2 * $3)) -lt "$free" && cp -T -- "$2" "$kept{UNFINISHED}"; then
    mv -fT -- "$kept{UNFINISHED}" "$kept"
  fi || rm -f -- "$kept{UNFINISHED}"
}}
"""
# Whether the copy is the artifact: its own digest, or what is written down of its archive.
_IS = """
kept=$1/$(printf %s "$2" | tr / _)
test -f "$kept" && test ! -L "$kept" || exit 1
sum=$(sha256sum < "$kept"); sum=${sum%% *}
if test -n "$4"; then
  of= archive=; read -r of archive < "$4/$(printf %s "$2" | tr / _)"
  test "$of" = "$sum" || exit 1; sum=$archive
fi
test "$sum" = "$3" || exit 1
"""
_TAKE = f"""{_IS}
{WRITING.replace("$1", "$2")}
mkdir -p "$(dirname "$2")" && test ! -d "$2" || exit 1
ln -T -- "$kept" "$new" 2>/dev/null || cp -T -- "$kept" "$new" || exit 1
chown 0:0 "$new" && chmod "$5" "$new" && mv -f -- "$new" "$2"
"""


class KeptCopy(FactBase[bool]):
    """Whether a host has kept an artifact that was at a path; asked where it is not there now."""

    momentary = True

    @staticmethod
    def default() -> bool:
        """It has not."""
        return False

    def command(self, path: str, sha256: str, member: bool) -> StringCommand:
        """Compare the copy's digest.

        Args:
            path: where it was.
            sha256: of the artifact's source.
            member: whether that is an archive with the file.
        """
        compared = _script(_IS, path, sha256, member=member)
        return StringCommand("{", compared, "&& echo kept;", "} || true")

    def process(self, output: list[str]) -> bool:
        """There is a line when it has."""
        return output == ["kept"]


def is_kept(artifact: Artifact, path: str) -> bool:
    """Tell whether the current host has kept the artifact that is to be at a path."""
    member = bool(artifact.member)
    return asking.once(KeptCopy, path=path, sha256=artifact.source.sha256, member=member)


def taken(artifact: Artifact, path: str, mode: str) -> StringCommand:
    """Return what puts the kept copy of an artifact at a path; it fails where there is none."""
    return _script(_TAKE, path, artifact.source.sha256, mode, member=bool(artifact.member))


def forgotten(path: str) -> StringCommand:
    """Return what removes a file and its kept copy."""
    return script(
        'rm -f -- "$2" "$1/$(printf %s "$2" | tr / _)"', KEPT, path
    )  # fmt: skip


def _script(text: str, path: str, sha256: str, *more: str, member: bool) -> StringCommand:
    return script(text, KEPT, path, sha256, UNPACKED if member else "", *more)
