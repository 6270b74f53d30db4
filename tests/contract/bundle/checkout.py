"""A user's directory that is a checkout of whisklab: the files of this one, in a new repository."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from tests.contract.bundle.site import REPOSITORY, Site

# The site has a catalogue of its own, and the lock of this one is not for that.
_ITS_OWN = ("files/", "group_data/", "inventories/")
_WHO = ("-c", "user.name=test", "-c", "user.email=test@example.org", "-c", "commit.gpgsign=false")
_WHEN = {"GIT_AUTHOR_DATE": "2020-01-01T00:00:00Z", "GIT_COMMITTER_DATE": "2020-01-01T00:00:00Z"}


def git(directory: Path, *arguments: str) -> str:
    """Run git in a directory; the same commit has the same digest."""
    return subprocess.run(
        ["git", *_WHO, *arguments], cwd=directory, env={**_WHEN, "PATH": "/usr/bin:/bin"},
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip


def commit(directory: Path, what: str = ".") -> None:
    """Track all files below `what` that are not ignored."""
    git(directory, "add", "--all", what)
    git(directory, "commit", "--quiet", "--message", "all of it")


def checked_out(site: Site) -> None:
    """Have whisklab's files in a site, and all of it in a repository."""
    for name in git(REPOSITORY, "ls-files", "-z").split("\0"):
        source, target = REPOSITORY / name, site.path / name
        if name and not name.startswith(_ITS_OWN) and source.is_file() and not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    git(site.path, "init", "--quiet", "--initial-branch=main")
    commit(site.path)
