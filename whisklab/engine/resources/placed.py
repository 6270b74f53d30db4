"""What is at the path of an artifact: by its digest, which the host remembers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from pyinfra.api import FactProcessError
from pyinfra.api.command import StringCommand

from whisklab.engine.facts.many import Arguments, Many
from whisklab.engine.resources.paths import SHA256_HEX
from whisklab.engine.scripts import script

UNPACKED = "/var/lib/whisklab/unpacked"  # on a host: which file is of which archive
OWNER = "root:root"
# A path as one name, in $flat, without a process of its own.
_FLAT = """
flatten() {
  flat= rest=$1
  while test "$rest" != "${rest#*/}"; do flat=$flat${rest%%/*}_ rest=${rest#*/}; done
  flat=$flat$rest
}
"""
# Puts the digest of a file into $sum. It is remembered by inode, size and change time in /run,
# because it takes half a second for 140 MB.
_REMEMBER = f"""{_FLAT}
remember() {{
  flatten "$1"; memo=/run/whisklab/digests/$flat known= sum=
  if test -f "$memo"; then {{ read -r known; read -r sum; }} < "$memo"; fi
  if test "$known" != "$2" -o -z "$sum"; then
    sum=$(sha256sum < "$1"); sum=${{sum%% *}}; mkdir -p /run/whisklab/digests &&
    printf "%s\\n%s\\n" "$2" "$sum" > "$memo"
  fi
}}
"""
# A shell function with its first call's beginning: append the path.
DIGEST = f"""{_REMEMBER}
digest() {{
  about=$(stat -L -c "%a %U:%G|%i.%s.%z" "$1"); id=${{about#*|}} about=${{about%%|*}}
  remember "$1" "$id"; echo "$sum"
}}
digest"""
_ALL = f"""{_REMEMBER}
unpacked=$1; shift
for each; do shift; if test -f "$each"; then set -- "$@" "$each"; fi; done
if test $# -gt 0; then lines=$(stat -L -c "%a %U:%G|%i.%s.%z|%n" "$@") || exit; else exit 0; fi
while IFS= read -r line; do
  about=${{line%%|*}} line=${{line#*|}}; id=${{line%%|*}} path=${{line#*|}} archive=
  remember "$path" "$id"
  if test -f "$unpacked/$flat"; then
    read -r of archive < "$unpacked/$flat"; test "$of" = "$sum" || archive=
  fi
  printf "%s|%s|%s|%s\\n" "$sum" "$about" "$archive" "$path"
done <<LINES
$lines
LINES
"""
_LINE = re.compile(r"([0-9a-f]{64})\|([0-7]+ [^|]+)\|([0-9a-f]{64}|)\|(/.*)")


@dataclass(frozen=True)
class Placed:
    """A file of an artifact.

    Attributes:
        digests: its SHA-256 and, if it was taken from an archive and is unchanged since, that
            archive's; none when there is no file.
        mode: octal.
        owner: user:group.
    """

    digests: tuple[str, ...] = ()
    mode: str = ""
    owner: str = ""

    def is_of(self, sha256: str) -> bool:
        """Tell whether it is the file of this digest, or of the archive of this digest."""
        return sha256 in self.digests

    @property
    def executable(self) -> bool:
        """Whether root can run it."""
        return bool(self.digests) and bool(int(self.mode, 8) & 0o111)

    def why_not_usable(self, mode: str) -> str | None:
        """Return what of mode and owner is wrong, as half a sentence."""
        if (self.mode, self.owner) == (mode, OWNER):
            return None
        return f"it is {self.mode} {self.owner}, not {mode} {OWNER}"


class PlacedFile(Many[Placed]):
    """The large file at `path`. `pushing.push` writes down which archive it is of."""

    @classmethod
    def together(cls, each: Sequence[Arguments]) -> StringCommand:
        """One program for all whose digests are remembered."""
        return script(_ALL, UNPACKED, *(str(one["path"]) for one in each))

    @classmethod
    def apart(cls, output: list[str], each: Sequence[Arguments]) -> list[list[str]]:
        """Sort the lines by their paths."""
        found = [line for line in map(_LINE.fullmatch, output) if line]
        lines = {line[4]: list(filter(None, line.group(1, 2, 3))) for line in found}
        paths = [str(one["path"]) for one in each]
        if len(lines) != len(output) or not set(lines) <= set(paths):
            raise FactProcessError(f"unexpected answer of stat and sha256sum: {output[:2]}")
        return [lines.get(path, []) for path in paths]

    @staticmethod
    def default() -> Placed:
        """No file."""
        return Placed()

    def command(self, path: str) -> StringCommand:
        """Print the remembered digest when the file is the same, else compute it."""
        return script(
            f'if test -f "$1"; then {DIGEST} "$1"; echo "$about"; '
            'if test -f "$2/$flat"; then read -r of archive < "$2/$flat"; '
            'if test "$of" = "$sum"; then echo "$archive"; fi; fi; fi',
            path,
            UNPACKED,
        )

    def process(self, output: list[str]) -> Placed:
        """Two lines or three: digest, mode and owner, digest."""
        digests, about = [*output[:1], *output[2:]], output[1:2]
        if not about or any(len(line) != SHA256_HEX for line in digests):
            raise FactProcessError(f"unexpected answer of sha256sum and stat: {output[:3]}")
        mode, _, owner = about[0].partition(" ")
        return Placed(tuple(digests), mode, owner)
