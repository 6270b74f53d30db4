"""Helm for the lab: the real one, compiled from its Go module, packed as its releases are."""

from __future__ import annotations

import gzip
import io
import re
import tarfile
from collections.abc import Mapping
from pathlib import Path

from whisklab.errors import WhisklabError
from whisklab.lab.common.run import Report
from whisklab.lab.standins import cache
from whisklab.lab.standins.cache import File, Standin
from whisklab.lab.standins.gobuild import build_flags, go_build

_MODULE = "helm.sh/helm/v3"


def helm() -> Standin:
    """Return the stand-in for Helm's release; the version is the one that its go.mod names."""
    sources = cache.SOURCES / "helm"
    version = required(sources / "go.mod", _MODULE)
    flags = build_flags(_variables(version, required(sources / "go.mod", "k8s.io/client-go")))

    def make(work: Path, target: Path, report: Report) -> Mapping[str, File]:
        program = work / "helm"
        go_build(sources, f"{_MODULE}/cmd/helm", program, flags=flags, label="Helm", report=report)
        arch = cache.architecture()
        archive, member = f"helm-{version}-linux-{arch}.tar.gz", f"linux-{arch}/helm"
        pack({member: program.read_bytes()}, target / archive)
        return {"helm": File(archive, arch, member)}

    return Standin("helm", version, sources, cache.WORKSPACE, flags, (__file__,), make)


def pack(files: Mapping[str, bytes], out: Path) -> None:
    """Write a .tar.gz of executable files; the same input gives the same bytes."""
    with (
        out.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        for name, data in files.items():
            entry = tarfile.TarInfo(name)
            entry.size, entry.mode = len(data), 0o755
            archive.addfile(entry, io.BytesIO(data))


def _variables(version: str, client: str) -> dict[str, str]:
    # As Helm's own build sets them: which Kubernetes it takes for granted without a cluster.
    minor = client.split(".")[1]
    named = {"k8sVersionMajor": "1", "k8sVersionMinor": minor}
    packages = ("pkg/lint/rules", "pkg/chartutil")
    return {
        f"{_MODULE}/internal/version.version": version,
        **{f"{_MODULE}/{p}.{key}": value for p in packages for key, value in named.items()},
    }


def required(file: Path, module: str) -> str:
    """The version of a module that a go.mod requires.

    Raises:
        WhisklabError: it requires none, or is not there.
    """
    found = re.search(rf"^\s*{re.escape(module)} (v\S+)", cache.text_of(file), re.MULTILINE)
    if found is None:
        raise WhisklabError(f"{file} does not require {module}")
    return found[1]
