"""Artifacts on hosts: fetched before anything is changed, pushed to those that lack them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from pyinfra.api import operation
from pyinfra.api.command import FunctionCommand, QuoteString, StringCommand
from pyinfra.api.host import Host

from whisklab.engine.artifacts.entries import Artifact
from whisklab.engine.artifacts.fetching import size, to_push
from whisklab.engine.facts import asking
from whisklab.engine.facts.question import Question
from whisklab.engine.reasons import because
from whisklab.engine.resources.kept import KEEP, KEPT, forgotten, is_kept, taken
from whisklab.engine.resources.paths import WRITING
from whisklab.engine.resources.placed import UNPACKED, Placed, PlacedFile
from whisklab.engine.scripts import script
from whisklab.engine.ssh import locks
from whisklab.engine.ssh.connector import WhiskSSH
from whisklab.engine.ssh.remote import call, tried
from whisklab.errors import WhisklabError

# What did not arrive whole must not stay: it is large, and nobody may come back for it.
_PUT = f"""{WRITING}{KEEP}
set -e; dir=$(dirname "$1"); mkdir -p "$dir"
if test -d "$1"; then echo "a directory is there" >&2; exit 1; fi
free=$(($(stat -f -c '%f * %S' "$dir")))
if test "$7" -gt "$free"; then
  echo "$(($7 >> 20)) MB are needed, and $((free >> 20)) MB are free there: make room" >&2; exit 1
fi
if test "$4" = packed; then gzip -dc > "$new"; else cat > "$new"; fi
sum=$(sha256sum < "$new")
if test "${{sum%% *}}" != "$3"; then echo "it arrived broken" >&2; exit 1; fi
if test -n "$5"; then mkdir -p "$6"; echo "$3 $5" > "$6/$(printf %s "$1" | tr / _)"; fi
chown 0:0 "$new"; chmod "$2" "$new"; mv -f "$new" "$1"
if test -n "$8"; then (set +e; keep "$8" "$1" "$7") || true; fi
"""


@dataclass(frozen=True)
class Pushed:
    """An artifact, or its member, at a path; it belongs to root.

    Attributes:
        name: of the operation that has it.
        artifact: what is to be there.
        path: absolute; missing directories are made.
        mode: octal.
        keep: whether the host keeps a copy elsewhere, from which it comes back (`kept`).
    """

    name: str
    artifact: Artifact
    path: str
    mode: str = "755"
    keep: bool = False

    @property
    def question(self) -> Question:
        """Its checksum, or that of the archive it came from; its mode and owner."""
        return Question.of(PlacedFile, path=self.path)

    def why_sent(self, found: Placed) -> str | None:
        """Tell that another file is there, or none. Pure."""
        return None if found.is_of(self.artifact.source.sha256) else f"it is not {self.artifact}"

    def why(self, found: Placed) -> str | None:
        """Tell which of content, mode and owner differs. Pure."""
        return self.why_sent(found) or found.why_not_usable(self.mode)

    def have(self) -> None:
        """Push it."""
        pushed(
            name=self.name, artifact=self.artifact, path=self.path, mode=self.mode, keep=self.keep
        )  # fmt: skip


@dataclass(frozen=True)
class Gone:
    """No artifact at a path of ours, nor a kept copy of one.

    Attributes:
        name: of the operation that removes it.
        path: absolute; what lies there is known to be ours by its name.
    """

    name: str
    path: str

    @property
    def question(self) -> Question:
        """What is there."""
        return Question.of(PlacedFile, path=self.path)

    def why(self, found: Placed) -> str | None:
        """Tell that one is there. Pure."""
        return "it is no longer wanted" if found.digests else None

    def have(self) -> None:
        """Remove it."""
        gone(name=self.name, path=self.path)


@operation()
def gone(path: str) -> Generator[StringCommand]:
    """Have no artifact at `path`, nor a kept copy; yields nothing when there is none.

    Arguments as the attributes of `Gone`.
    """
    if why := Gone("", path).why(asking.once(PlacedFile, path=path)):
        because(why)
        yield forgotten(path)


@operation()
def fetched(artifact: Artifact, path: str, *, keep: bool = False) -> Generator[FunctionCommand]:
    """Have the artifact in the laptop's cache if this host lacks it at `path`, and kept no copy.

    Its own operation, so that a run can fetch everything before it changes any host.
    """
    lacks = Pushed("", artifact, path).why_sent(asking.once(PlacedFile, path=path))
    if lacks and not (keep and is_kept(artifact, path)):
        because(f"{artifact} is not on this host")

        def fetch_to_cache(_: Host) -> None:
            to_push(artifact)

        yield call(fetch_to_cache)


@operation()
def pushed(
    artifact: Artifact, path: str, mode: str = "755", *, keep: bool = False
) -> Generator[FunctionCommand | StringCommand]:
    """Have the artifact, or its member, at `path`: uploaded, verified there, then renamed.

    Where the host has kept a copy of it nothing is sent.

    So a running binary can be replaced, and a broken upload leaves the old file. Arguments as the
    attributes of `Pushed`.
    """
    found, wanted = asking.once(PlacedFile, path=path), Pushed("", artifact, path, mode)
    has_copy = keep and bool(wanted.why_sent(found)) and is_kept(artifact, path)
    if why := wanted.why(found):
        because(f"{why}, and this machine has kept a copy" if has_copy else why)
    if wanted.why_sent(found):

        def push_to_host(target: Host) -> None:
            if not (has_copy and _took(target, artifact, path, mode)):
                push(target, artifact, path, mode, keep=keep)

        yield call(push_to_host)
    elif why:
        yield StringCommand("chown", "0:0", QuoteString(path))
        yield StringCommand("chmod", mode, QuoteString(path))


def _took(target: Host, artifact: Artifact, path: str, mode: str) -> bool:
    """Put the kept copy at its path; tells whether it was there still."""
    with locks.changing():
        ok, _ = tried(target, taken(artifact, path, mode))
    return ok


def push(target: Host, artifact: Artifact, path: str, mode: str, *, keep: bool = False) -> None:
    """Upload the artifact to one host, compressed on the way if it is not yet.

    With `keep` the host keeps a copy.

    Raises:
        WhisklabError: the host refused it, or what arrived has another checksum.
    """
    connector = target.connector
    if not isinstance(connector, WhiskSSH):
        raise WhisklabError(f"{target.name} is not reached over SSH")
    source = to_push(artifact)
    command = script(
        _PUT,
        path,
        mode,
        source.sha256,
        "packed" if source.packed else "plain",
        artifact.source.sha256 if artifact.member else "",
        UNPACKED,
        str(size(artifact)),
        KEPT if keep else "",
    )
    ok, stderr = connector.stream(command, source.path)
    if not ok:
        raise WhisklabError(
            f"{target.name}: {artifact} could not be put at {path}: "
            f"{stderr.strip() or 'the connection broke'}"
        )
