"""Packages of tests, and an archive of them."""

from __future__ import annotations

import hashlib

from whisklab.engine.debian.lock import LockedPool
from whisklab.engine.debian.package import Package


def package(name: str, version: str = "1", depends: str = "", provides: str = "") -> Package:
    """Return a package; its file is called after it."""
    return Package(
        name=name,
        version=version,
        source="http://archive.example/debian",
        file=f"pool/{name}_{version.rpartition(':')[2]}_all.deb",
        size=1,
        sha256=hashlib.sha256(f"{name} {version}".encode()).hexdigest(),
        depends=depends,
        provides=provides,
    )


def pool(*packages: Package) -> LockedPool:
    """Return an archive."""
    return LockedPool(packages)
