"""A command of the copy that runs beside the test."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.e2e.cluster.site import Site


def interruptible(*argv: str) -> list[str]:
    """Return the argv of a command that Ctrl-C interrupts, as at a terminal.

    What a shell starts in the background, this test run perhaps, ignores it and hands that on.
    """
    return ["env", "--default-signal=INT", *argv]


@contextmanager
def background(site: Site, *argv: str) -> Iterator[subprocess.Popen[str]]:
    """Run a command of the copy; it is killed at the end if it still runs."""
    with subprocess.Popen(
        interruptible(*argv), cwd=site.directory, env=site.environment, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    ) as run:  # fmt: skip
        try:
            yield run
        finally:
            if run.poll() is None:
                run.kill()
