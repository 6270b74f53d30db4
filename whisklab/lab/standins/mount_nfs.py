"""The stand-in for mount.nfs, for hosts whose kernel has no NFS client."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from whisklab.lab.common.run import Report
from whisklab.lab.standins import cache
from whisklab.lab.standins.cache import File, Standin
from whisklab.lab.standins.gobuild import build_flags, go_build

_NAME = "mount.nfs"


def program(report: Report) -> Path:
    """Return the program's path, in the user's cache; compiles it unless it is there.

    Raises:
        WhisklabError: there is no usable Go, or it does not compile.
    """
    return cache.built(mount_nfs(), report).with_name(_NAME)


def mount_nfs() -> Standin:
    """Return the stand-in."""
    sources = cache.SOURCES / "mount-nfs"
    flags = build_flags({})

    def make(_work: Path, target: Path, report: Report) -> Mapping[str, File]:
        go_build(sources, ".", target / _NAME, flags=flags, label=_NAME, report=report)
        return {_NAME: File(_NAME, cache.architecture())}

    return Standin("mount-nfs", "1", sources, cache.WORKSPACE, flags, (__file__,), make)
