"""What a laptop has to push, and a machine that it is streamed to."""

from __future__ import annotations

import io
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from pyinfra.api.command import StringCommand
from pyinfra.connectors.local import LocalConnector

from tests.contract.test_base_operations import Machine, Tree
from whisklab.engine.artifacts.entries import Artifact, Source
from whisklab.engine.cache import sha256_of
from whisklab.engine.resources import pushing

TOOL = b"#!/bin/sh\necho tool\n" * 999


class Remembering(Machine):
    """A machine that remembers digests in /run, which is no change."""

    def tree(self) -> Tree:
        """Return all but that."""
        return {path: each for path, each in super().tree().items() if path.split("/")[1] != "run"}


class Way:
    """A way to a machine; it may end early, or bring other bytes.

    Attributes:
        machine: at its end, with directories of its own, which this computer must allow.
        brings: what of the bytes that are sent arrives.
        sent: how many times something was.
    """

    def __init__(self, root: Path) -> None:
        self.machine = Remembering(root, "/opt", "/run", "/var/lib")
        self.brings: Callable[[bytes], bytes] = lambda data: data
        self.sent = 0
        assert self.machine.sees("true").returncode == 0

    def stream(self, command: StringCommand, source: Path) -> tuple[bool, str]:
        """Run a command with the bytes of a file, as the connector does."""
        self.sent += 1
        shell = [f"{self.machine.root}/shell", "-c", f"exec {command.get_raw_value()}"]
        data = self.brings(source.read_bytes())
        done = subprocess.run(shell, input=data, capture_output=True, check=False)
        return not done.returncode, done.stderr.decode()


def a_way(root: Path, monkeypatch: pytest.MonkeyPatch) -> Way:
    """Return a way to a bare machine, from a laptop whose cache is empty."""
    way = Way(root)
    monkeypatch.setenv("XDG_CACHE_HOME", str(root / "cache"))
    monkeypatch.setattr(pushing, "WhiskSSH", LocalConnector)
    monkeypatch.setattr(
        LocalConnector, "stream", lambda _, *given: way.stream(*given), raising=False
    )
    return way


def plain(root: Path, name: str = "tool", data: bytes = TOOL) -> Artifact:
    """Return an artifact that is a file of the laptop's."""
    (root / name).write_bytes(data)
    return artifact(root / name)


def archived(root: Path, data: bytes = TOOL) -> Artifact:
    """Return one that is a member of an archive."""
    path = root / "tool.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        about = tarfile.TarInfo("linux/tool")
        about.size = len(data)
        archive.addfile(about, io.BytesIO(data))
    return artifact(path, "linux/tool")


def artifact(path: Path, member: str | None = None) -> Artifact:
    """Return the artifact of a file that is there."""
    source = Source(url=path.as_uri(), sha256=sha256_of(path))
    return Artifact(product="tool", version="1", source=source, member=member)
