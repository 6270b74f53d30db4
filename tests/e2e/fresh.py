"""A lab as a new user makes it: a fresh copy of the repository, then `make lab`."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.cluster.site import Run, Site
from tests.e2e.turns import first_up

MAKE_LAB_WITHIN = 3600  # seconds; compiling Kubernetes from nothing takes minutes


@contextmanager
def fresh_site(directory: Path, prefix: str, data: str = "") -> Iterator[Site]:
    """Give a copy of the repository; its lab, if one came up, is taken down at the end.

    Args:
        directory: where to.
        prefix: of the lab's name.
        data: what its environment says besides the lab's own data.
    """
    site = Site(directory, f"{prefix}-{os.getpid()}")
    site.copy_repository()
    with (directory / f"group_data/{site.name}.py").open("a") as file:
        file.write(data)
    yield site
    if (directory / ".venv/bin/whisklab").exists():
        assert site.whisklab("down", site.name).code == 0


def make_lab(site: Site) -> Run:
    """Run the one `make lab` of a site."""
    with first_up():
        return site.run("make", "lab", f"LAB={site.name}", timeout=MAKE_LAB_WITHIN)
