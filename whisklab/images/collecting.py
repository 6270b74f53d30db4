"""Garbage collection on the registry's machine: the scripts that run there, and what they tell.

Distribution collects safely only while nobody uploads. So it runs in a unit of its own there, which
stops the service that takes images, under a lock that each push shares; where nodes pull goes on.
The unit starts the service again at its end, however that comes: it does not need the laptop.

What goes is decided before: the unit looks once more when nobody can upload any more, and takes
nothing that was not told before. Untagged manifests go (`--delete-untagged`), but for those that an
index which stays refers to: registry/storage/garbagecollect.go of distribution 3.1.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from pyinfra.api.command import QuoteString, StringCommand

from whisklab.engine import limits
from whisklab.engine.scripts import script
from whisklab.engine.ssh.locks import DIRECTORY
from whisklab.errors import WhisklabError

UNIT = "whisklab-registry-gc"
LEFT_AFTER = 6 * 60  # minutes without a byte; then an upload is one that nobody goes on with
BUSY, CHANGED, DONE = "busy", "changed", "done"
MARKED = re.compile(r"(manifest|blob|bytes|upload) (.+)")

# $1 program, $2 configuration, $3 its user, $4 images, $5 minutes. There is no ${} in it: systemd
# would replace that in a command of its own.
_LOOK = r"""
registry="$4/docker/registry/v2"
run() {
  test -d "$registry/blobs" || return 0  # else the program fails
  setpriv --reuid="$2" --regid="$2" --clear-groups -- \
    env OTEL_TRACES_EXPORTER=none "$1" garbage-collect --delete-untagged $4 "$3"
}
going() {
  said=$(run "$1" "$3" "$2" --dry-run) || return 1
  echo "$said" | sed -nE \
    -e 's/^manifest eligible for deletion: \{([^ ]+) (sha256:[0-9a-f]+) .*/manifest \1 \2/p' \
    -e 's/^blob eligible for deletion: (sha256:[0-9a-f]+)$/blob \1/p' | LC_ALL=C sort
}
left() {
  test -d "$registry/repositories" || return 0
  find "$registry/repositories" -type d \( -name _layers -o -name _manifests \) -prune \
    -o -type d -path '*/_uploads/*' -prune -print | while IFS= read -r upload; do
    fresh=$(find "$upload" -mmin "-$5" -print 2>/dev/null | head -n 1)
    if test -z "$fresh" && test -d "$upload"; then echo "$upload"; fi
  done
}
"""
_TELL = (
    _LOOK
    + r"""
found=$(going "$@") || exit 1
test -z "$found" || echo "$found"
echo "$found" | sed -nE "s,^blob sha256:(..)(.*),$registry/blobs/sha256/\1/\1\2/data,p" |
  xargs -r stat -c 'bytes %s'
left "$@" | while IFS= read -r upload; do echo "upload $(du -sb "$upload" | cut -f 1)"; done
"""
)
# And $6 directory of locks, $7 the service, $8 seconds to wait for pushes, $9 a file: what may go.
_COLLECT = (
    _LOOK
    + r"""
set -e
exec 9>>"$6/registry.lock"
if ! flock -x -w "$8" 9; then
  echo "busy $(cat "$6/registry.pusher" 2>/dev/null)" > "$6/registry.gc"; exit 0
fi
systemctl stop "$7"
going "$@" > "$9.now"
if LC_ALL=C comm -23 "$9.now" "$9" | grep -q .; then
  echo changed > "$6/registry.gc"
else
  run "$1" "$3" "$2" >/dev/null
  left "$@" | while IFS= read -r upload; do rm -rf "$upload"; done
  echo done > "$6/registry.gc"
fi
systemctl start "$7"
"""
)
_KEEP = 'umask 077; mkdir -p "$1"; rm -f "$1/registry.gc"; LC_ALL=C sort > "$2"'
_ANSWER = 'cat "$1/registry.gc" 2>/dev/null; rm -f "$1/registry.gc" "$2" "$2.now"'


@dataclass(frozen=True)
class Program:
    """What garbage collection must know of a registry.

    Attributes:
        binary: distribution.
        configuration: of the service that takes images.
        user: as whom it runs.
        data: where the images lie.
        service: that takes images.
        locks: the directory of locks.
    """

    binary: str
    configuration: str
    user: str
    data: str
    service: str
    locks: str = DIRECTORY

    @property
    def arguments(self) -> tuple[str, ...]:
        """The first ones of each script."""
        return (self.binary, self.configuration, self.user, self.data, str(LEFT_AFTER))


@dataclass(frozen=True)
class Going:
    """What would go.

    Attributes:
        manifests: (repository, digest).
        blobs: digests, of manifests too.
        size: bytes of these.
        uploads: bytes of each upload that was left.
    """

    manifests: tuple[tuple[str, str], ...]
    blobs: tuple[str, ...]
    size: int
    uploads: tuple[int, ...]

    @property
    def lines(self) -> str:
        """The same as the script on the host tells it."""
        manifests = [f"manifest {name} {digest}" for name, digest in self.manifests]
        return "".join(f"{each}\n" for each in (*manifests, *(f"blob {b}" for b in self.blobs)))

    @property
    def is_nothing(self) -> bool:
        """Whether there is nothing to do."""
        return not (self.manifests or self.blobs or self.uploads)


def look(program: Program) -> StringCommand:
    """Return the command that tells what would go; it changes nothing."""
    return script(_TELL, *program.arguments)


def parsed(output: str) -> Going:
    """Return what that command has told. Pure.

    Raises:
        WhisklabError: it has told something else.
    """
    found: dict[str, list[str]] = {"manifest": [], "blob": [], "bytes": [], "upload": []}
    for line in output.splitlines():
        match = MARKED.fullmatch(line)
        if match is None:
            raise WhisklabError(f"unexpected answer of `registry garbage-collect`: {line[:100]}")
        found[match[1]].append(match[2])
    return Going(
        tuple(_pairs(found["manifest"])), tuple(found["blob"]),
        sum(int(each) for each in found["bytes"]), tuple(int(each) for each in found["upload"]),
    )  # fmt: skip


def _pairs(lines: list[str]) -> Iterator[tuple[str, str]]:
    for line in lines:
        repository, _, digest = line.partition(" ")
        yield repository, digest


def keep(program: Program, file: str) -> StringCommand:
    """Return the command that writes what may go, which it reads on stdin, into a file."""
    return script(_KEEP, program.locks, file)


def collect(program: Program, file: str) -> StringCommand:
    """Return the command that runs the unit to its end; nothing goes that is not in `file`."""
    return StringCommand(
        "systemd-run", f"--unit={UNIT}", "--wait", "--collect", "--quiet",
        # Also when the script is killed, or fails in the middle.
        "-p", QuoteString(f"ExecStopPost=/bin/systemctl start {program.service}"),
        unit_script(program, file),
    )  # fmt: skip


def unit_script(program: Program, file: str, within: int = limits.LOCK_WITHIN) -> StringCommand:
    """Return what the unit runs; it waits `within` seconds for pushes that are under way."""
    return script(_COLLECT, *program.arguments, program.locks, program.service, str(within), file)


def answer(program: Program, file: str) -> StringCommand:
    """Return the command that tells what the unit has said; it takes all of it away."""
    return script(_ANSWER, program.locks, file)
