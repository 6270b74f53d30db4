"""The stand-in for nfs-subdir-external-provisioner: an image for the nodes, and a chart."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from whisklab.lab.common.run import Report
from whisklab.lab.standins import cache, images, layers
from whisklab.lab.standins.cache import File, Standin
from whisklab.lab.standins.gobuild import build_flags, go_build
from whisklab.lab.standins.helm import pack
from whisklab.lab.standins.images import Image, write_bundle

_NAME = "nfs-subdir-external-provisioner"


def provisioner() -> Standin:
    """Return the stand-in; its version is that of the chart."""
    sources = cache.SOURCES / "provisioner"
    chart = sources / "chart"
    version = _yaml(chart / "Chart.yaml")["version"]
    flags = build_flags({})

    def make(work: Path, target: Path, report: Report) -> Mapping[str, File]:
        program = work / _NAME
        go_build(sources, ".", program, flags=flags, label="the provisioner", report=report)
        arch = cache.architecture()
        image = _yaml(chart / "values.yaml")["image"]
        # It makes directories and nothing else: no shell, no libraries.
        made = Image(f"{image['repository']}:{image['tag']}", {_NAME: program}, [f"/{_NAME}"])
        bundle, archive = f"{_NAME}-images-{arch}.tar.gz", f"{_NAME}-{version}.tgz"
        write_bundle([made], target / bundle, arch=arch)
        files = sorted(path for path in chart.rglob("*") if path.is_file())
        pack(
            {f"{_NAME}/{path.relative_to(chart).as_posix()}": path.read_bytes() for path in files},
            target / archive,
        )
        return {"chart": File(archive, "all"), "images": File(bundle, arch)}

    code = (__file__, layers.__file__, images.__file__)
    return Standin(_NAME, version, sources, cache.WORKSPACE, flags, code, make)


def _yaml(path: Path) -> Any:  # noqa: ANN401
    return yaml.safe_load(cache.text_of(path))
