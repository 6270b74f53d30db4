"""What `nfs` writes and compares, as pure functions of settings and answers."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from deploys.nfs.settings import CLUSTER, PAIRS, Export

SERVICE = "nfs-server"
SERVED = "NFS exports are served"  # a check
# A file of our own: lines that somebody else has in /etc/exports are not even read to be changed.
FILE = "/etc/exports.d/whisklab.exports"
OWNER = "nobody:nogroup"
# In a directory that is exported under an id of its own. It lies with the data, so that a copy of
# them is exported as they were.
MARK = ".whisklab-fsid"
FSID = "fsid="
LARGEST_FSID = 2**31 - 1  # of what exportfs takes for one
OPEN_PORTS = {"2049/tcp": "NFS", "111/tcp": "NFS version 3"}
HEADER = "# Written by whisklab (deploys/nfs); changes are undone by the next run."
# What etab says although nobody has said it, of the options with a value.
_UNSAID = frozenset({"anonuid=65534", "anongid=65534", "sec=sys"})
_PAIR = {word: pair for pair in PAIRS for word in pair}


@dataclass(frozen=True)
class Entry:
    """What one client may mount."""

    path: str
    client: str

    def __str__(self) -> str:
        """Write it as exportfs takes it."""
        client = f"[{self.client}]" if ":" in self.client else self.client
        return f"{client}:{self.path}"


Entries = Mapping[Entry, tuple[str, ...]]  # with the options


def packages(*, serves: bool, mounts: bool) -> list[str]:
    """Return the packages of a host."""
    return [
        *(["nfs-common"] if mounts else []),
        *(["nfs-kernel-server"] if serves else []),
    ]


def exports(wish: Iterable[Export], cluster: Sequence[str]) -> dict[Entry, tuple[str, ...]]:
    """Return every single export with its options, in the order of the data."""
    return {
        Entry(export.path, client): tuple(export.options)
        for export in wish
        for word in export.clients
        for client in (cluster if word == CLUSTER else [word])
    }


def fsid(path: str) -> str:
    """Return the id that a file system is exported under, the same for a path for ever.

    A number, since to a UUID the kernel adds the inode of the directory, which another disk does
    not have (`set_version_and_fsid_type` in Linux' fs/nfsd/nfsfh.c). 0 is the root of NFSv4.
    """
    return str(zlib.crc32(path.encode()) % (LARGEST_FSID - 1) + 1)


def identified(wish: Entries, marked: Collection[str]) -> dict[Entry, tuple[str, ...]]:
    """Return the exports with a file system id of their own, those of `marked` paths.

    What mounts hold on to is this id, else one of the disk's: then a server whose data were put on
    another disk has mounts of a moment before as stale handles.
    """
    return {
        entry: (*options, f"{FSID}{fsid(entry.path)}")
        if entry.path in marked and not _has_fsid(options)
        else options
        for entry, options in wish.items()
    }


def to_mark(wish: Entries, fresh: Collection[str], known: Iterable[Entry]) -> set[str]:
    """Return the paths that get a file system id: those that are exported for the first time.

    An export that somebody may have mounted keeps the id that it has.

    Args:
        wish: every single export.
        fresh: paths that nobody can have mounted.
        known: what is exported, or was.
    """
    exported = {entry.path for entry in known}
    own = {entry.path for entry, options in wish.items() if _has_fsid(options)}
    # An id that another export has would show that one's data; so rare that it goes without.
    given = {option for options in wish.values() for option in options}
    taken = Counter(fsid(path) for path in {entry.path for entry in wish})
    return {
        path
        for path in set(fresh) - exported - own
        if taken[fsid(path)] == 1 and f"{FSID}{fsid(path)}" not in given
    }


def _has_fsid(options: Iterable[str]) -> bool:
    return any(option.startswith(FSID) for option in options)


def exports_file(entries: Entries) -> str:
    """Return the content of our file: one line for each directory."""
    lines: dict[str, list[str]] = {}
    for entry, options in entries.items():
        lines.setdefault(entry.path, []).append(f"{entry.client}({','.join(options)})")
    return "\n".join([HEADER, *(f"{path} {' '.join(them)}" for path, them in lines.items())])


def parse(text: str) -> dict[Entry, tuple[str, ...]]:
    """Read lines as exports(5) and exportfs write them: a path, and clients with options.

    What cannot be told apart without exportfs itself (quotes, defaults with "-") is left out; only
    lines that are ours, or conflict with ours, need to be understood.
    """
    found: dict[Entry, tuple[str, ...]] = {}
    for line in text.replace("\\\n", " ").splitlines():
        path, *clients = line.partition("#")[0].split() or [""]
        for word in clients:
            client, _, options = word.rstrip(")").partition("(")
            found[Entry(path, client or "*")] = tuple(filter(None, options.split(",")))
    return found


def effective(options: Iterable[str]) -> frozenset[str]:
    """Return what options mean: each pair's word, said or by default, and those with values."""
    said = [_as_in_etab(option) for option in options]
    words = {pair: pair[0] for pair in PAIRS}
    for option in said:
        if option in _PAIR:
            words[_PAIR[option]] = option
    valued = [option for option in said if "=" in option and option not in _UNSAID]
    return frozenset([*words.values(), *valued])


def _as_in_etab(option: str) -> str:
    if option == "fsid=root":
        return "fsid=0"
    return f"mountpoint={option[3:]}" if option.startswith("mp=") else option


def why_not_exported(wish: Entries, now: Entries) -> list[str]:
    """Return what differs between the wish and what is exported now, as half sentences."""
    reasons = []
    for entry, options in wish.items():
        if entry not in now:
            reasons.append(f"{entry.path} is not exported to {entry.client}")
        elif effective(options) != effective(now[entry]):
            reasons.append(f"{entry.path} is exported to {entry.client} with other options")
    return reasons


def why_lines_differ(before: str, wanted: str) -> list[str]:
    """Return which lines of our file are missing and which are too many, as half sentences."""
    if before == wanted:
        return []
    if not before:
        return [f"there is no {FILE}"]
    old, new = before.splitlines(), wanted.splitlines()
    missing = [f"{FILE} lacks the line {line}" for line in new if line not in old]
    strange = [f"{FILE} has the line {line}" for line in old if line not in new]
    return [*missing, *strange] or [f"the lines of {FILE} are in another order"]


def left(
    wish: Entries, before: Entries, now: Entries, foreign: Mapping[str, Entries]
) -> list[Entry]:
    """Return what our file exports still, and the data no longer.

    Without what somebody else's file exports too: exportfs would end theirs with ours.
    """
    theirs = {entry for entries in foreign.values() for entry in entries}
    return [each for each in before if each not in wish and each in now and each not in theirs]


def conflicts(wish: Entries, foreign: Mapping[str, Entries]) -> list[str]:
    """Return a sentence for each export that somebody else's file has too, with other options."""
    return [
        f"{file} exports {entry.path} to {entry.client} with other options than nfs_exports:"
        " remove it there, or here"
        for file, entries in foreign.items()
        for entry in entries
        if entry in wish and effective(wish[entry]) != effective(entries[entry])
    ]
