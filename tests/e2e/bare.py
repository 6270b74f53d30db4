"""A lab of one's own with nothing deployed on it."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.cluster.site import Site
from tests.e2e.turns import first_up
from whisklab.paths import cache_dir


def bare_site(directory: Path, prefix: str, data: str = "", topology: str = "") -> Site:
    """Return a copy of the repository with an environment for a lab; it shares our caches.

    Args:
        directory: where to.
        prefix: of the lab's name.
        data: what its environment says besides the lab's own data.
        topology: its machines, if they are not those of inventories/lab.yaml.
    """
    site = Site(directory, f"{prefix}-{os.getpid()}")
    site.environment["XDG_CACHE_HOME"] = str(cache_dir().parent)
    site.copy_repository()
    (directory / ".venv").symlink_to(Path(sys.executable).parents[1])
    if topology:
        (directory / f"inventories/{site.name}.yaml").write_text(topology)
    with (directory / f"group_data/{site.name}.py").open("a") as file:
        file.write(data)
    return site


@contextmanager
def up(*sites: Site) -> Iterator[None]:
    """Have the labs up; they are taken down at the end."""
    try:
        with first_up():
            for site in sites:
                assert site.whisklab("up", site.name).code == 0
        yield
    finally:
        downs = [site.whisklab("down", site.name) for site in sites]
        assert [down.code for down in downs] == [0] * len(downs)
