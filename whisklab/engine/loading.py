"""Loading modules without Python's garbage collector, which took a seventh of a start's CPU.

What is loaded stays: there is no garbage in it to look for, again and again, the more there is.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loading() -> Iterator[None]:
    """Have nothing collected meanwhile, and what is there then not looked at later either."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if on:
            gc.enable()
