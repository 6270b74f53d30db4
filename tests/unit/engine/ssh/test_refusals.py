"""What is said of a host that is not reached: the permission of macOS, where it may be that."""

from __future__ import annotations

import pytest

from whisklab import local_network
from whisklab.engine.ssh.refusals import remedy

UNREACHED = "[Errno None] Unable to connect to port 22 on 10.0.0.2: No route to host"


@pytest.mark.parametrize(
    ("platform", "problem", "named"),
    [
        ("darwin", UNREACHED, True),
        ("darwin", "timed out", False),
        ("linux", UNREACHED, False),
    ],
)
def test_macos_keeps_a_program_from_the_local_network(
    monkeypatch: pytest.MonkeyPatch, platform: str, problem: str, named: bool
) -> None:
    monkeypatch.setattr("sys.platform", platform)
    said = remedy(problem, host="master", address="10.0.0.2", user="me", known_hosts=None)
    assert said.startswith(f"master (10.0.0.2) does not answer: {problem}")
    assert (local_network.REFUSED in said) is named
    assert said.endswith("; start it, or leave it out with --limit")
