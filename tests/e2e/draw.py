"""Which of the long series a run of all tests has: a quarter of their time, by a printed seed.

What everybody relies on runs always; files here try faults and changes around it, one after the
other, and are a good half of the suite's time. Over a few runs each has its turn; `make e2e` and
`make soak` have all of them.
"""

from __future__ import annotations

import os
import random
from collections.abc import Collection, Mapping

SEED = "DRAW"  # the environment variable; without it nothing is left out
SERIES = (
    "tests/e2e/cluster/test_bad_input.py",
    "tests/e2e/cluster/test_certs.py",
    "tests/e2e/cluster/test_host_faults.py",
    "tests/e2e/cluster/test_images.py",
    "tests/e2e/cluster/test_interruption.py",
    "tests/e2e/cluster/test_named_registry.py",
    "tests/e2e/cluster/test_releases.py",
    "tests/e2e/cluster/test_secrets.py",
    "tests/e2e/cluster/test_volumes.py",
    "tests/e2e/openwhisk/test_adoption.py",
    "tests/e2e/openwhisk/test_certificate.py",
    "tests/e2e/openwhisk/test_drained.py",
    "tests/e2e/openwhisk/test_drift.py",
    "tests/e2e/openwhisk/test_lasting_actions.py",
    "tests/e2e/openwhisk/test_openwhisk_faults.py",
    "tests/e2e/openwhisk/test_restored_platform.py",
    "tests/e2e/openwhisk/test_settings.py",
    "tests/e2e/upstream/test_upstream.py",
)
LEFT_OUT = 3 / 4  # of their time, at most
UNKNOWN = 120.0  # seconds of a file that was never run


def left_out(seed: str, times: Mapping[str, float], series: Collection[str] = SERIES) -> list[str]:
    """Return the files of the series that are not drawn: at most LEFT_OUT of their time. Pure.

    Args:
        seed: any text; the same one draws the same.
        times: seconds of each file in an earlier run.
        series: the files.
    """
    seconds = {file: times.get(file, UNKNOWN) for file in series}
    order = sorted(series)
    random.Random(seed).shuffle(order)  # noqa: S311  no secret
    out: list[str] = []
    for file in order:
        if sum(seconds[each] for each in [*out, file]) <= LEFT_OUT * sum(seconds.values()):
            out.append(file)
    return sorted(out)


def now(times: Mapping[str, float]) -> list[str]:
    """Return what this run leaves out."""
    seed = os.environ.get(SEED)
    return left_out(seed, times) if seed else []
