"""Labs with nothing deployed on them. They need no base: `up` takes less time than a clone."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e import bases, running, spent
from tests.e2e.cluster.site import Site
from tests.e2e.turns import first_up


@contextmanager
def bare(
    directory: Path, name: str, file: str, *, data: str = "", topology: str = ""
) -> Iterator[Site]:
    """Bring a lab up, in a copy of the repository, and take it down at the end.

    Args:
        directory: where the copy goes.
        name: of the lab.
        file: the test file, for the account of the time.
        data: what its environment says besides the lab's own data.
        topology: its machines, if they are not those of inventories/lab.yaml.
    """
    site = bases.site(directory, name, data)
    if topology:
        (directory / f"inventories/{name}.yaml").write_text(topology)
    with running.noted(name, bases.STATE):
        with spent.on(file, spent.DEPLOYING), first_up():
            assert site.whisklab("up", name).code == 0
        try:
            yield site
        finally:
            with spent.on(file, spent.DEPLOYING):
                down = site.whisklab("down", name)
            assert down.code == 0, down.output
