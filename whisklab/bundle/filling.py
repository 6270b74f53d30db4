"""The files of a bundle into the laptop's cache, where a deploy finds them by their checksum."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from whisklab.bundle.blobs import require_free
from whisklab.bundle.manifest import FILE, PACKAGE, Item, Manifest
from whisklab.bundle.older import Older
from whisklab.bundle.volume import Volume
from whisklab.engine.artifacts.downloads import Report
from whisklab.engine.cache import cached
from whisklab.errors import WhisklabError

_KINDS = (FILE, PACKAGE)  # what deploys look for in the cache


@dataclass(frozen=True)
class Filled:
    """What became of the files.

    Attributes:
        total: how many there are.
        brought: how many of them the cache lacked.
        size: bytes of these.
    """

    total: int
    brought: int
    size: int


def fill(volume: Volume, manifest: Manifest, report: Report) -> Filled:
    """Have the files of a bundle in the cache. Idempotent.

    Args:
        volume: the bundle, open and verified.
        manifest: of it.
        report: hears of the progress.

    Raises:
        WhisklabError: some are left to an earlier bundle and not there, a line for each; there is
            no room, or the cache cannot be written. What was brought stays.
    """
    every = places(manifest)
    lacking = {path: each for path, each in every.items() if not path.is_file()}
    absent = set(manifest.absent)
    wrong = [
        f"{each} for {', '.join(each.architectures)}: is left to an earlier bundle, and this "
        "laptop's cache has it not: upload that one first"
        for each in lacking.values()
        if each.sha256 in absent
    ]
    if wrong:
        raise WhisklabError("\n".join(wrong))
    size = sum(each.size for each in lacking.values())
    require_free(size, "files are to be taken from the bundle")
    source = Older([volume])
    for number, (path, each) in enumerate(lacking.items(), 1):
        report(f"file {number} of {len(lacking)}: {each} ({each.size / 1e6:.1f} MB)")
        source.bring(each.sha256, path)
    return Filled(len(every), len(lacking), size)


def places(manifest: Manifest) -> dict[Path, Item]:
    """Return the files of a bundle by their places in the cache."""
    return {cached(each.sha256, each.file): each for each in manifest.items if each.kind in _KINDS}
