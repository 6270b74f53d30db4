"""A command of the copy that runs beside the test."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.cluster.site import Site


@contextmanager
def background(site: Site, *argv: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command of the copy; it is killed at the end if it still runs."""
    with subprocess.Popen(
        argv, cwd=site.directory, env=site.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as run:  # fmt: skip
        try:
            yield run
        finally:
            if run.poll() is None:
                run.kill()
