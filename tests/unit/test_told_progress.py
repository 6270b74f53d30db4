"""What end-to-end tests leave out as progress is what the engine tells, and nothing else."""

from __future__ import annotations

import pytest

from tests.e2e.progress import without

PROGRESS = """\
storage: nfs | Packages, 30 s
worker1: k3s: service | Service k3s-agent, 31 s: W1130 fs.go:641] no such file: /dev/loop0
master: waiting, 11 s: OpenWhisk: 5 of 13 stages; at kafka (0 of 1 are ready), redis (it runs)
master: release owdev, 40 s: helm is at work
worker2: a command runs, 60 s
master: waiting for the run of ann on her laptop (30 s)
"""
RESULTS = """\
storage: nfs | Packages
storage: nfs | Packages: nfs-kernel-server is missing
be-1d9d90-4436 is up: image 0.1 s  network 0.1 s  disks 0.6 s  boot to SSH 14.6 s
master   hello.js by wsk                          ok        0.45 s  Hello, World!
deploy, until the servers run                             22.6 s
"""


@pytest.mark.parametrize("line", PROGRESS.splitlines())
def test_how_far_something_is_is_left_out(line: str) -> None:
    assert without(f"before\n{line}\nafter\n") == ["before", "after"]


def test_what_was_done_is_kept() -> None:
    assert without(RESULTS) == RESULTS.splitlines()
