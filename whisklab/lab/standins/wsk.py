"""The stand-in for the OpenWhisk CLI, packed as its releases are."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from whisklab.lab.common.run import Report
from whisklab.lab.standins import cache
from whisklab.lab.standins.cache import File, Standin
from whisklab.lab.standins.gobuild import build_flags, go_build
from whisklab.lab.standins.helm import pack

_VERSION = "1.2.0"  # of the release whose commands it has


def wsk() -> Standin:
    """Return the stand-in."""
    sources = cache.SOURCES / "wsk"
    flags = build_flags({"main.version": _VERSION})

    def make(work: Path, target: Path, report: Report) -> Mapping[str, File]:
        program = work / "wsk"
        go_build(sources, ".", program, flags=flags, label="wsk", report=report)
        arch = cache.architecture()
        archive = f"OpenWhisk_CLI-{_VERSION}-linux-{arch}.tgz"
        pack({"wsk": program.read_bytes()}, target / archive)
        return {"wsk": File(archive, arch, "wsk")}

    return Standin("wsk", _VERSION, sources, cache.WORKSPACE, flags, (__file__,), make)
