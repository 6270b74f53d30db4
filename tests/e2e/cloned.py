"""A lab for one test file: a clone of a base, in a copy of the repository of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from tests.e2e import bases, spent
from tests.e2e.cluster.site import Site
from tests.e2e.turns import one_clone


@contextmanager
def _turn(file: str) -> Iterator[None]:
    with ExitStack() as held:
        with spent.on(file, spent.WAITING):
            held.enter_context(one_clone())
        yield


@contextmanager
def cloned(base: str, directory: Path, name: str, file: str) -> Iterator[Site]:
    """Clone a base and take the clone down at the end.

    Args:
        base: `platform` or `everything`.
        directory: where the copy goes.
        name: of the clone, its inventory and its data.
        file: the test file, for the account of the time.
    """
    with spent.on(file, spent.WAITING):
        of = bases.ready(base)
    with _turn(file), spent.on(file, spent.DEPLOYING):
        site = bases.site(directory, name)
        for path in (site.inventory, f"inventories/{name}.yaml", f"group_data/{name}.py"):
            (directory / path).unlink()  # the clone brings those of its base
        done = site.whisklab("clone", f"{of.lab}@{bases.SNAPSHOT}", name)
    if done.code != 0:
        site.whisklab("down", name)  # hosts that it has made; nobody else would know of them
    assert done.code == 0, done.output
    yield site
    with spent.on(file, spent.DEPLOYING):
        down = site.whisklab("down", name)
        shutil.rmtree(directory)
    assert down.code == 0, down.output
