"""The package lists of this machine: fetched by one whisklab at a time."""

from __future__ import annotations

from whisklab.lab.common.lock import locked
from whisklab.lab.common.run import Report, run_long


def update(report: Report) -> None:
    """Fetch the package lists. As root; apt itself does not wait for another one that does.

    Raises:
        WhisklabError: apt failed.
    """
    with locked("apt-lists", report):
        report("fetching the machine's package lists")
        run_long(["apt-get", "update"], report)
