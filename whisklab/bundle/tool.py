"""whisklab itself as one file of a bundle: what git tracks of a checkout, as it is now."""

from __future__ import annotations

import os
import subprocess
import tarfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from whisklab.bundle import tar
from whisklab.bundle.requirements import LOCK, PROJECT, is_whisklab
from whisklab.errors import BadInput, WhisklabError

# Here a person writes what a deploy reads: what git does not track of it is said.
_DATA = ("deploys", "files", "group_data", "inventories")
_PRIVATE = frozenset((".secrets", ".lab"))
_REGULAR, _PROGRAM, _LINK = "100644", "100755", "120000"  # modes, as git says them


@dataclass(frozen=True)
class Archive:
    """The files of a checkout.

    Attributes:
        data: as a tar; the same files give the same bytes.
        commit: that is checked out.
        notes: what is other than in that commit, and what is not in it; sentences.
    """

    data: bytes
    commit: str
    notes: Sequence[str]


def why_none(root: Path) -> str | None:
    """Return why a directory cannot be carried, None if it can; without its path, nobody's affair.

    Args:
        root: the directory in which a bundle is built.
    """
    project = root / PROJECT
    if not (project.is_file() and (root / LOCK).is_file() and is_whisklab(project.read_text())):
        return "it was not built in a checkout of whisklab"
    try:
        top = _git(root, "rev-parse", "--show-toplevel").decode().rstrip("\n")
        _git(root, "rev-parse", "--verify", "HEAD")
    except WhisklabError:
        return "it was not built in a git checkout (`git status` there says more)"
    return None if Path(top) == root.resolve() else "it was not built at the top of a git checkout"


def archive(root: Path, locks: Sequence[Path] = ()) -> Archive:
    """Return the files of a checkout that git tracks, as they are now, and its locks.

    Args:
        root: of the checkout.
        locks: what a build writes and a deploy inside reads; those that are there go in, also
            where git does not track them yet.

    Raises:
        BadInput: a file is not there, or is of a kind that is not carried; a line for each.
        WhisklabError: git fails.
    """
    commit = _git(root, "rev-parse", "HEAD").decode().strip()
    notes, files, wrong = [], {}, []
    written = dict.fromkeys(_written(root, locks), _REGULAR)
    for name, mode in {**written, **dict(_tracked(root))}.items():
        if Path(name).parts[0] in _PRIVATE:
            notes.append(f"{name}: is tracked by git, and private: it is left out")
            continue
        why = _why_not_carried(root, name, mode)
        if why is not None:
            wrong.append(f"{root / name}: {why}")
        else:
            files[name] = (mode == _PROGRAM, (root / name).read_bytes())
    if wrong:
        raise BadInput("\n".join(wrong))
    return Archive(_tarred(files), commit, [*notes, *_differences(root, commit[:12], written)])


def _written(root: Path, locks: Sequence[Path]) -> Iterator[str]:
    """Yield the names of those locks that are there, below the checkout."""
    top = root.resolve()
    for each in locks:
        path = Path(os.path.normpath(top / each))
        if path.is_file() and path.is_relative_to(top):
            yield str(path.relative_to(top))


def _differences(root: Path, commit: str, written: Collection[str]) -> Iterator[str]:
    for name in _names(root, "diff", "--name-only", "-z", "HEAD"):
        yield f"{name}: is carried as it is here, and commit {commit} has it otherwise"
    for name in _names(root, "ls-files", "--others", "--exclude-standard", "-z", "--", *_DATA):
        if name in written:
            yield f"{name}: is carried, and git does not track it: `git add` it for others, too"
        else:
            yield f"{name}: is left out, for git does not track it: `git add` it if it belongs"


def _tracked(root: Path) -> Iterator[tuple[str, str]]:
    """Yield name and mode of each file that git tracks."""
    for each in _names(root, "ls-files", "--stage", "-z"):
        about, _, name = each.partition("\t")
        yield name, about.split()[0]


def _why_not_carried(root: Path, name: str, mode: str) -> str | None:
    path = root / name
    if mode not in (_REGULAR, _PROGRAM, _LINK):
        return "is a submodule, which a bundle does not carry: have its files in the checkout"
    if not path.is_file():
        return "is tracked by git and not there: `git restore` it, or `git rm` it"
    there = path.resolve()
    if mode == _LINK or there != root.resolve() / name:
        inside = there.is_relative_to(root.resolve())
        if not inside or there.relative_to(root.resolve()).parts[0] in _PRIVATE:
            return "leads out of what is carried: have a file in its place"
    return None


def _tarred(files: dict[str, tuple[bool, bytes]]) -> bytes:
    found = []
    for name in sorted(files):
        is_program, data = files[name]
        header = tarfile.TarInfo(name)
        header.size, header.mode, header.mtime = len(data), 0o755 if is_program else 0o644, 0
        block = header.tobuf(tarfile.GNU_FORMAT, "utf-8", "surrogateescape")
        found += [block, data, bytes(tar.padding(len(data)))]
    return b"".join([*found, tar.END])


def _names(root: Path, *arguments: str) -> list[str]:
    text = _git(root, *arguments).decode("utf-8", "surrogateescape")
    return [each for each in dict.fromkeys(text.split("\0")) if each]


def _git(root: Path, *arguments: str) -> bytes:
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], capture_output=True, check=False
        )
    except FileNotFoundError:
        raise WhisklabError("the program git is not installed") from None
    if done.returncode:
        words = done.stderr.decode(errors="replace").strip().splitlines()
        raise WhisklabError(f"git: {words[0] if words else done.returncode}")
    return done.stdout
