"""The layer below the images of OpenWhisk's stand-in: programs of the machine's distribution."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from whisklab.lab.common.release import parse_os_release
from whisklab.lab.common.run import Report
from whisklab.lab.standins import cache, debian, layers
from whisklab.lab.standins.cache import File, Standin

_PACKAGES = (
    "bash", "busybox-static", "ca-certificates", "curl", "gzip", "nodejs", "openssl", "python3",
    "tar",
)  # fmt: skip
LAYER = "layer.tar"


def debian_layer() -> Standin:
    """Return the layer, which is kept by the names of its packages and the release.

    So a package's newer version does not make a new one; removing it from the cache does.
    """
    release = parse_os_release(Path("/etc/os-release").read_text(encoding="utf-8"))

    def make(work: Path, target: Path, report: Report) -> Mapping[str, File]:
        report(f"fetching {', '.join(_PACKAGES)} for the images of OpenWhisk's stand-in")
        root = debian.unpacked(work / "packages", _PACKAGES, report)
        debian.link_busybox(root)
        debian.compile_python(root)
        debian.write_layer(root, target / LAYER)
        return {"layer": File(LAYER, cache.architecture())}

    code = (__file__, debian.__file__, layers.__file__)
    return Standin("debian-layer", release.codename, None, None, _PACKAGES, code, make)
