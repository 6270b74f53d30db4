"""Labs that are made for a part of the bench, in a copy of the repository, and always removed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.bench.measure import Usage, run, tell
from tests.bench.peers import HOME
from tests.e2e import bases, running
from tests.e2e.cluster.site import Site


@contextmanager
def made(name: str, *, topology: str = "", data: str = "") -> Iterator[Site]:
    """Bring up a lab, and take it down however this ends.

    Args:
        name: of the lab and its environment.
        topology: its machines, if they are not those of inventories/lab.yaml.
        data: what its environment says besides the lab's own data.

    Raises:
        RuntimeError: it does not come up.
    """
    directory = HOME / "labs" / name
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    site = bases.site(directory, name, data)
    if topology:
        (directory / f"inventories/{name}.yaml").write_text(topology)
    with running.noted(name, bases.STATE):
        try:
            tell(f"  lab {name}: making its machines")
            up = whisklab(site, "up", name)
            up.expect(ok=up.code == 0, what=f"whisklab up {name}")
            tell(f"  lab {name} is up after {up.wall:.0f} s")
            yield site
        finally:
            down = whisklab(site, "down", name)
            tell(f"  whisklab down {name}: exit code {down.code}")
    down.expect(ok=down.code == 0, what=f"whisklab down {name}")
    shutil.rmtree(directory)


def whisklab(site: Site, *arguments: str) -> Usage:
    """Run the whisklab command of a copy."""
    program: Path = site.directory / ".venv/bin/whisklab"
    return run([program, *arguments], cwd=site.directory, env=site.environment)
