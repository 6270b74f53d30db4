"""Control groups of the hosts: one per host, in every hierarchy, below `whisklab/<lab>/`.

Version 1 (also beside a version 2 tree without controllers) and version 2 are told apart by what
is mounted. In both, everything in a host's group was started by the lab, so the group says
exactly which processes to end.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from whisklab.errors import WhisklabError

TOP = "whisklab"
V1, V2 = 1, 2
_DEADLINE = 20.0
_POLL = 0.02


@dataclass(frozen=True)
class Hierarchies:
    """The cgroup file systems of the machine: version 1 or 2, and where each is mounted."""

    version: int
    mounts: tuple[Path, ...]

    def groups(self, lab: str, host: str) -> list[Path]:
        """The directories of a host's groups, one per hierarchy."""
        return [mount / TOP / lab / host for mount in self.mounts]


def parse(mounts: str) -> Hierarchies:
    """Find the hierarchies in the text of /proc/mounts.

    Raises:
        WhisklabError: there are none.
    """
    ones: list[Path] = []
    twos: list[Path] = []
    for line in mounts.splitlines():
        _, where, kind, options, *_ = line.split(" ")
        if kind == "cgroup" and "ro" not in options.split(","):
            ones.append(Path(where))
        elif kind == "cgroup2" and "ro" not in options.split(","):
            twos.append(Path(where))
    if ones:
        return Hierarchies(V1, tuple(dict.fromkeys([*ones, *twos[:1]])))
    if twos:
        return Hierarchies(V2, (twos[0],))
    raise WhisklabError("no writable cgroup file system is mounted, which hosts need")


def hierarchies() -> Hierarchies:
    """The hierarchies of this machine."""
    return parse(Path("/proc/self/mounts").read_text(encoding="utf-8"))


def make(group: Path, version: int) -> None:
    """Make a host's group and the ones above it; they may exist already."""
    lab = group.parent
    for directory in (lab.parent, lab, group):
        if version == V2:
            _delegate(directory.parent)
        directory.mkdir(exist_ok=True)
        for name in ("cpuset.cpus", "cpuset.mems"):
            # An empty cpuset of version 1 takes no process.
            file = directory / name
            if version == V1 and file.exists() and not file.read_text(encoding="utf-8").strip():
                file.write_text((directory.parent / name).read_text(encoding="utf-8"))


def _delegate(parent: Path) -> None:
    """Give the groups below `parent` every controller it has (version 2)."""
    have = (parent / "cgroup.controllers").read_text(encoding="utf-8").split()
    on = (parent / "cgroup.subtree_control").read_text(encoding="utf-8").split()
    if missing := [name for name in have if name not in on]:
        wish = " ".join(f"+{name}" for name in missing)
        (parent / "cgroup.subtree_control").write_text(wish, encoding="utf-8")


def join(groups: list[Path]) -> None:
    """Move the calling process into `groups`."""
    for group in groups:
        (group / "cgroup.procs").write_text(str(os.getpid()), encoding="utf-8")


def members(group: Path) -> set[int]:
    """The processes in a group and the ones below it."""
    found: set[int] = set()
    for directory in (group, *_below(group)):
        try:
            text = (directory / "cgroup.procs").read_text(encoding="ascii")
        except OSError:  # the group went away meanwhile
            continue
        found.update(int(word) for word in text.split())
    found.discard(0)  # a process of another pid namespace
    return found


def kill(group: Path) -> None:
    """End every process in a group and wait until it is empty.

    Raises:
        WhisklabError: processes that cannot be ended are left after 20 seconds.
    """
    deadline = time.monotonic() + _DEADLINE
    while pids := members(group):
        for pid in pids:
            _kill_member(pid, group)
        if time.monotonic() > deadline:
            raise WhisklabError(f"processes {sorted(pids)} in {group} do not end")
        time.sleep(_POLL)


def _kill_member(pid: int, group: Path) -> None:
    try:
        handle = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        # The handle is fixed now: a number given to another process meanwhile shows here.
        if pid in members(group):
            signal.pidfd_send_signal(handle, signal.SIGKILL)
    except ProcessLookupError:
        return
    finally:
        os.close(handle)


def remove(group: Path) -> None:
    """Remove an empty group, what it has below, and the lab's group above when it is the last.

    Raises:
        WhisklabError: it is still in use after 20 seconds.
    """
    deadline = time.monotonic() + _DEADLINE
    for directory in sorted(_below(group), key=lambda path: len(path.parts), reverse=True):
        _rmdir(directory, deadline)
    _rmdir(group, deadline)
    for above in (group.parent, group.parent.parent):
        try:
            above.rmdir()
        except OSError:  # another host or lab is there, or it is gone
            return


def _rmdir(directory: Path, deadline: float) -> None:
    while True:
        try:
            directory.rmdir()
        except FileNotFoundError:
            return
        except OSError as error:
            if time.monotonic() > deadline:
                raise WhisklabError(f"the cgroup {directory} stays in use: {error}") from None
            time.sleep(_POLL)
        else:
            return


def _below(group: Path) -> Iterator[Path]:
    for top, names, _ in os.walk(group):
        for name in names:
            yield Path(top) / name
