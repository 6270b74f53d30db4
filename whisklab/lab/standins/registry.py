"""The registry for the lab: the real CNCF distribution, compiled from its Go module."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from whisklab.lab.common.run import Report
from whisklab.lab.standins import cache
from whisklab.lab.standins.cache import File, Standin
from whisklab.lab.standins.gobuild import build_flags, go_build
from whisklab.lab.standins.helm import pack, required

_MODULE = "github.com/distribution/distribution/v3"


def registry() -> Standin:
    """Return the stand-in for the registry's release, of the version that its go.mod names."""
    sources = cache.SOURCES / "registry"
    version = required(sources / "go.mod", _MODULE)
    # Apart from the workspace, whose other programs need none of its modules' versions.
    flags = ["-modfile=go.mod", *build_flags({f"{_MODULE}/version.version": version})]

    def make(work: Path, target: Path, report: Report) -> Mapping[str, File]:
        program = work / "registry"
        go_build(
            sources, f"{_MODULE}/cmd/registry", program, flags=flags, label="the registry",
            report=report,
        )  # fmt: skip
        arch = cache.architecture()
        archive = f"registry_{version.removeprefix('v')}_linux_{arch}.tar.gz"
        pack({"registry": program.read_bytes()}, target / archive)
        return {"registry": File(archive, arch, "registry")}

    return Standin("registry", version, sources, sources / "go.mod", flags, (__file__,), make)
