"""The stand-in for k3s: Kubernetes itself, and the images of k3s's bundle."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from whisklab.errors import WhisklabError
from whisklab.lab.common.run import Report
from whisklab.lab.standins import cache, debian, images, layers
from whisklab.lab.standins.cache import File, Standin
from whisklab.lab.standins.gobuild import build_flags, go_build
from whisklab.lab.standins.helm import required
from whisklab.lab.standins.images import Image, busybox_image, write_bundle

DEFAULT_VERSION = "v1.36.3+k3s1"
OLDER, NEWER = "v1.35.0+k3s1", "v1.37.0+k3s1"

_COMPONENT = "k8s.io/component-base/version"


# The go.mod that names the Kubernetes of each; None for that of the workspace.
_VERSIONS = {
    DEFAULT_VERSION: None,
    # For tests of upgrades. These two are the default one with another number on it: linked in
    # seconds, where another Kubernetes is compiled for minutes.
    OLDER: None,
    NEWER: None,
    "v1.34.4+k3s1": "go-1.34.mod",
    "v1.35.4+k3s1": "go-1.35.mod",
}


def versions() -> tuple[str, ...]:
    """The versions that can be built."""
    return tuple(_VERSIONS)


def k3s(version: str) -> Standin:
    """Return the stand-in for a version of k3s.

    Raises:
        WhisklabError: there is none of that version.
    """
    if version not in _VERSIONS:
        known = ", ".join(_VERSIONS)
        raise WhisklabError(f"the lab has no k3s stand-in {version}; it can build {known}")
    sources = cache.SOURCES / "k3s"
    modfile = _VERSIONS[version]
    flags = _flags(sources, version, modfile)

    def make(work: Path, target: Path, report: Report) -> Mapping[str, File]:
        go_build(sources, ".", target / "k3s", flags=flags, label="Kubernetes", report=report)
        arch = cache.architecture()
        bundle = f"k3s-airgap-images-{arch}.tar.gz"
        write_bundle(_images(sources, work, report), target / bundle, arch=arch)
        return {"k3s": File("k3s", arch), "airgap-images": File(bundle, arch)}

    go = sources / modfile if modfile else cache.WORKSPACE
    code = (__file__, debian.__file__, layers.__file__, images.__file__)
    return Standin("k3s", version, sources, go, flags, code, make)


def _images(sources: Path, work: Path, report: Report) -> list[Image]:
    plain = build_flags({})
    go_build(sources, "./pause", work / "pause", flags=plain, label="pause", report=report)
    go_build(sources / "coredns", ".", work / "coredns", flags=plain, label="CoreDNS",
             report=report)  # fmt: skip
    busybox = debian.busybox(work, report)
    return [
        Image("docker.io/rancher/mirrored-pause:3.6", {"pause": work / "pause"}, ["/pause"]),
        Image(f"docker.io/rancher/mirrored-coredns-coredns:{_coredns_version(sources)}",
              {"coredns": work / "coredns"}, ["/coredns"]),
        busybox_image("docker.io/rancher/mirrored-library-busybox:1.36.1", busybox),
    ]  # fmt: skip


def _flags(sources: Path, version: str, modfile: str | None) -> list[str]:
    major, minor = version.removeprefix("v").split(".")[:2]
    return [
        *([f"-modfile={modfile}"] if modfile else []),
        *build_flags({
            "main.version": version,
            "main.kubernetes": required(sources / (modfile or "go.mod"), "k8s.io/kubernetes"),
            "whisklab/standins/k3s/server.CoreDNS": _coredns_version(sources),
            f"{_COMPONENT}.gitVersion": version,
            f"{_COMPONENT}.gitMajor": major,
            f"{_COMPONENT}.gitMinor": minor,
            "k8s.io/client-go/pkg/version.gitVersion": version,
        }),
    ]  # fmt: skip


def _coredns_version(sources: Path) -> str:
    path = sources / "coredns" / "go.mod"
    found = re.search(r"github\.com/coredns/coredns v(\S+)", cache.text_of(path))
    if found is None:
        raise WhisklabError(f"{path} names no version of CoreDNS")
    return found[1]
