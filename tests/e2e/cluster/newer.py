"""The newer k3s, built beside the other tests, which leave the machine idle often."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.cluster.site import Site

NEW = "v1.35.4+k3s1"
WITHIN = 3600  # seconds; the rest of a compilation that all other tests have slowed down
# Only time that nobody else wants: the tests go on as if it were not there.
_BUILD = f"""
import os
os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
from whisklab.lab import standins
print(standins.build(also=[{NEW!r}], report=lambda line: None))
"""


@contextmanager
def building(site: Site) -> Iterator[Callable[[], Path]]:
    """Build it; yields what waits for the end of that and returns the path of the catalogue."""
    with subprocess.Popen(
        [".venv/bin/python", "-c", _BUILD], cwd=site.directory, env=site.environment,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        start_new_session=True,
    ) as build:  # fmt: skip

        def catalogue() -> Path:
            output, _ = build.communicate(timeout=WITHIN)
            assert build.returncode == 0, output
            return Path(output.strip().splitlines()[-1])

        try:
            yield catalogue
        finally:
            if build.poll() is None:  # nobody waited for it: the compiler goes with it
                os.killpg(build.pid, signal.SIGKILL)
