"""Each directory's tests have labs of their own: two directories run at once, each in its order."""

from __future__ import annotations

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling


class ByDirectory(LoadScopeScheduling):
    """Gives all tests of a directory to one process (`pytest -n 2`), the longest list first.

    (Its own way to do so, the mark `xdist_group`, has no effect with pytest 9.2.)
    """

    def _split_scope(self, nodeid: str) -> str:
        return nodeid.partition("::")[0].rpartition("/")[0]


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> ByDirectory:
    """Have xdist use it."""
    return ByDirectory(config, log)
