"""Builds of stand-ins that nothing uses any more."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import yaml

from whisklab.lab.common.removal import size_of
from whisklab.lab.common.run import Report
from whisklab.lab.provider import Unused
from whisklab.lab.standins import cache
from whisklab.lab.standins.debian_layer import debian_layer
from whisklab.lab.standins.helm import helm
from whisklab.lab.standins.k3s import k3s, versions
from whisklab.lab.standins.mount_nfs import mount_nfs
from whisklab.lab.standins.openwhisk import openwhisk
from whisklab.lab.standins.provisioner import provisioner
from whisklab.lab.standins.registry import registry
from whisklab.lab.standins.wsk import wsk
from whisklab.paths import cache_dir

_YOUNG = 3600.0  # seconds; its lab may be coming up, and say so only when it is


def clean(used: Iterable[str], report: Report, *, dry: bool = False) -> tuple[Unused, ...]:
    """Remove builds that neither a catalogue names nor come of today's sources.

    Those that were used in the last hour stay: a lab that comes up is written down at its end.

    Args:
        used: the catalogues of all labs and snapshots.
        report: hears of each removal.
        dry: remove nothing.

    Returns:
        What was removed, or would be.
    """
    top = cache_dir() / "standins"
    if shutil.which("go") is None:  # it is part of the builds' names
        report("without a `go` nobody can tell which stand-ins are of today's sources: all stay")
        return ()
    kept = {place for file in used for place in named(Path(file))} | set(_today(report))
    builds = [path.parent for path in sorted(top.glob(f"*/*/{cache.CATALOGUE}"))]
    found = [each for each in builds if each not in kept and _age(each) > _YOUNG]
    rows = tuple(Unused(f"stand-in {_name(each)}", size_of(each)) for each in found)
    for place in () if dry else found:
        report(f"removing {place}")
        with cache.alone(place.parent, report):
            # First its catalogue: a directory without one is no build.
            (place / cache.CATALOGUE).unlink(missing_ok=True)
            shutil.rmtree(place)
    return rows


def named(catalogue: Path) -> set[Path]:
    """The builds that a catalogue names; none when it is not there (or upstream's)."""
    try:
        products: dict[str, Any] = yaml.safe_load(catalogue.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return set()
    urls = [
        urlparse(entry["url"])
        for product in products.values()
        for artifacts in product["versions"].values()
        for artifact in artifacts.values()
        for entry in artifact.values()
    ]
    return {Path(unquote(url.path)).parent for url in urls if url.scheme == "file"}


def _today(report: Report) -> list[Path]:
    """Where the builds of today's sources are, or would be."""
    others = (helm(), provisioner(), openwhisk(), wsk(), registry(), debian_layer(), mount_nfs())
    return [cache.place_of(each, report) for each in (*map(k3s, versions()), *others)]


def _age(build: Path) -> float:
    return time.time() - (build / cache.CATALOGUE).stat().st_mtime


def _name(build: Path) -> str:
    return f"{build.parent.name}/{build.name}"
