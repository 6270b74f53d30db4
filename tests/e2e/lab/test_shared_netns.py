"""A lab beside somebody who uses `ip netns add`, which mounts /run/netns over itself for good."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.e2e.lab.rig import Lab, execute

pytestmark = pytest.mark.e2e

# In a mount namespace of its own: the mount ends with it, and no lab beside this one meets it.
BESIDE = ["unshare", "--mount", "--propagation", "private", "sh", "-euc",
          'ip netns add "$1"; trap "ip netns delete $1" EXIT; shift; "$@"', "sh"]  # fmt: skip
SUDO = [] if os.geteuid() == 0 else ["sudo", "-nE"]


def test_stop_removes_namespaces_that_are_mounted_twice(another: Callable[[str], Lab]) -> None:
    lab = another("n")
    lab.write("a")
    lab.run("up")
    before = lab.namespaces()
    assert len(before) == 2
    argv = [*SUDO, *BESIDE, f"beside-{lab.name}", *lab.command("stop")]
    done = execute(argv, lab.environment)
    assert done.code == 0, done.err
    assert lab.namespaces() == set()
    assert f"wl-{lab.name}" not in Path("/proc/self/mountinfo").read_text()
    assert lab.hosts()["a"]["state"] == "stopped"
