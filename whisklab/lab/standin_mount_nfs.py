"""The stand-in for mount.nfs, for hosts whose kernel has no NFS client."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from whisklab.lab import standin_cache
from whisklab.lab.gobuild import Report, build_flags, go_build
from whisklab.lab.standin_cache import File, Standin

_NAME = "mount.nfs"


def program(report: Report) -> Path:
    """Return the program's path, in the user's cache; compiles it unless it is there.

    Raises:
        WhisklabError: there is no usable Go, or it does not compile.
    """
    return standin_cache.built(_standin(), report).with_name(_NAME)


def _standin() -> Standin:
    sources = standin_cache.SOURCES / "mount-nfs"
    flags = build_flags({})

    def make(_work: Path, target: Path, report: Report) -> Mapping[str, File]:
        go_build(sources, ".", target / _NAME, flags=flags, label=_NAME, report=report)
        return {_NAME: File(_NAME, standin_cache.architecture())}

    return Standin("mount-nfs", "1", sources, (1, 24), flags, (__file__,), make)
