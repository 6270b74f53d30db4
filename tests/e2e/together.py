"""What is independent is done at once: most of it is waiting."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager
from typing import Any


@contextmanager
def together(managers: Sequence[AbstractContextManager[Any]]) -> Iterator[None]:
    """Enter all of them at once; leave them one after the other."""
    with ExitStack() as stack:
        with ThreadPoolExecutor(len(managers)) as pool:
            list(pool.map(stack.enter_context, managers))
        yield
