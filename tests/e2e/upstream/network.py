"""A machine's network of its own, in which a server stands in upstream's place.

It is a network namespace with nothing but loopback, which has the server's address too. What runs
in it reaches that, labs that are made in it have their ways out through it, and nobody else does.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.cluster.site import Run, Site
from whisklab.lab.providers.nspawn import requirements

ADDRESS = "203.0.113.10"  # of documentation (RFC 5737); the labs' own ways out use 192.0.2.0/24
SUDO = [] if os.geteuid() == 0 else ["sudo", "-nE"]


@contextmanager
def network() -> Iterator[list[str]]:
    """Have such a network; yields what a command begins with to run in it."""
    requirements.ensure(requirements.FOR_INTERNET, print)  # nobody could fetch them inside
    name = f"whisklab-test-{os.getpid()}"
    _ip("netns", "add", name)
    try:
        _ip("-n", name, "link", "set", "lo", "up")
        _ip("-n", name, "address", "add", f"{ADDRESS}/32", "dev", "lo")
        yield [*SUDO, "nsenter", f"--net=/run/netns/{name}"]
    finally:
        _ip("netns", "delete", name)


def _ip(*arguments: str) -> None:
    subprocess.run([*SUDO, "ip", *arguments], check=True)


class Inside(Site):
    """A copy of the repository whose commands run in such a network.

    Args:
        directory: of the copy.
        name: of its lab.
        inside: what a command begins with.
    """

    def __init__(self, directory: Path, name: str, inside: Sequence[str]) -> None:
        super().__init__(directory, name)
        self.inside = list(inside)

    def run(self, *argv: str, timeout: float = 600) -> Run:
        """Run a command in the copy and in the network."""
        return super().run(*self.inside, *argv, timeout=timeout)

    def ssh_command(self, host: str, *options: str) -> list[str]:
        """Return the argv of OpenSSH, in the network."""
        return [*self.inside, *super().ssh_command(host, *options)]
