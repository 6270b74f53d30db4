"""A limit of memory that the kernel holds a program to, by a control group of its own."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

GROUPS = Path("/sys/fs/cgroup")


@contextmanager
def limited(megabytes: int) -> Iterator[list[str]]:
    """A group with such a limit, swap included; yields what a command begins with to be in it.

    A program that needs more than it can give back (its cached files) is killed by the kernel.
    """
    assert os.geteuid() == 0, "control groups are root's to make: run this test as root"
    old = (GROUPS / "memory").is_dir()
    group = (GROUPS / "memory" if old else GROUPS) / f"whisklab-test-{os.getpid()}"
    if not old:
        (GROUPS / "cgroup.subtree_control").write_text("+memory")
    group.mkdir()
    try:
        limits = (
            ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
            if old
            else ("memory.max", "memory.swap.max")
        )
        sizes = (megabytes << 20, megabytes << 20 if old else 0)
        for name, size in zip(limits, sizes, strict=True):
            if name == limits[0] or (group / name).exists():  # a kernel may not count swap
                (group / name).write_text(str(size))
        yield ["sh", "-c", f'echo $$ > {group}/cgroup.procs && exec "$@"', "sh"]
    finally:
        while left := (group / "cgroup.procs").read_text().split():
            for pid in left:
                with suppress(ProcessLookupError):
                    os.kill(int(pid), signal.SIGKILL)
            time.sleep(0.05)
        group.rmdir()
