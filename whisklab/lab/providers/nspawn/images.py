"""Which images are used, and removing the others."""

from __future__ import annotations

from typing import Any

from whisklab.lab.common.lock import locked
from whisklab.lab.common.removal import remove_tree, size_of
from whisklab.lab.common.run import Report
from whisklab.lab.providers.nspawn import record as records
from whisklab.lab.providers.nspawn import snapshots
from whisklab.lab.providers.nspawn.layout import IMAGES, LABS


def used() -> set[str]:
    """The images that hosts of any lab or snapshot are made of."""
    found: set[str] = set()
    for file in LABS.glob("*/record.json"):
        if record := records.read(file):
            found.update(host.image for host in record.hosts.values())
    return found | snapshots.images()


def clean(report: Report, *, dry: bool) -> dict[str, Any]:
    """Remove every image that no host uses; `dry` only tells what that would be.

    A lab that is made at this very moment holds the lock of images while it chooses its own.
    """
    with locked("images", report):
        there = sorted(path.name for path in IMAGES.glob("*")) if IMAGES.is_dir() else []
        unused = [name for name in there if name not in used()]
        found = [[name, size_of(IMAGES / name)] for name in unused]
        for name in () if dry else unused:
            report(f"removing image {name}")
            remove_tree(IMAGES / name, IMAGES)
    return {"removed": found}
