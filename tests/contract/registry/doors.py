"""Both doors of a registry on loopback: the real program, as deploys/registry configures it."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import httpx

from deploys.registry import render
from whisklab.engine.artifacts.catalogue import Catalogue
from whisklab.engine.artifacts.fetching import member
from whisklab.engine.registries.secrets import PULLER, PUSHER, Credentials
from whisklab.engine.tls import authority
from whisklab.lab.standins.cache import architecture, built
from whisklab.lab.standins.registry import registry as standin

STARTS_WITHIN = 30  # seconds
NAMES = ["localhost", "127.0.0.1"]


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def distribution() -> Path:
    """The program; built once, then from the cache."""
    catalogue = Catalogue(built(standin(), print))
    found = member(catalogue.artifact("registry", None, "registry", architecture()))
    found.chmod(0o755)
    return found


class Doors:
    """The registry in a directory.

    Args:
        program: distribution.
        directory: for its images and configuration.
        names: further ones in its certificate.
    """

    def __init__(self, program: Path, directory: Path, names: Sequence[str] = ()) -> None:
        self.program, self.directory = program, directory
        self.data, self.etc = directory / "data", directory / "etc"
        for each in (self.data, self.etc):
            each.mkdir(parents=True)
        now = datetime.now(UTC)
        ca = authority.new("test", now)
        leaf = authority.issue(ca, [*NAMES, *names], now)
        passwords = {PULLER: "p" * 48, PUSHER: "q" * 48}
        self.known = Credentials(ca, leaf, passwords, "s" * 48)
        self.pull = render.Door(
            "whisklab-registry", free_port(), reads_only=True, users=(PULLER, PUSHER)
        )
        self.push = render.Door(
            "whisklab-registry-push", free_port(), reads_only=False, users=(PUSHER,)
        )
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.ca = self.etc / "ca.crt"
        self.ca.write_text(ca.certificate)
        (self.etc / "tls.crt").write_text(leaf.certificate)
        (self.etc / "tls.key").write_text(leaf.key)
        for door in (self.pull, self.push):
            text = render.configuration(door, "127.0.0.1", self.known)
            self.placed(door.configuration).write_text(self.moved(text))
            self.placed(door.accounts).write_text(render.accounts(door, self.known))

    def moved(self, text: str) -> str:
        """A text of the deploy with our paths in it."""
        return text.replace(render.DATA, str(self.data)).replace(render.DIRECTORY, str(self.etc))

    def placed(self, path: str) -> Path:
        return Path(self.moved(path))

    def url(self, door: render.Door) -> str:
        return render.url("127.0.0.1", door.port)

    def start(self, door: render.Door, through: Sequence[str] = ()) -> None:
        """Start a door, and wait until it answers.

        Args:
            door: which.
            through: a command that becomes the program.
        """
        with (self.directory / f"{door.service}.log").open("ab") as log:
            self._processes[door.service] = subprocess.Popen(
                [*through, self.program, "serve", self.placed(door.configuration)],
                stdout=log, stderr=log, env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
            )  # fmt: skip
        deadline = time.monotonic() + STARTS_WITHIN
        while not self.answers(door):
            assert time.monotonic() < deadline, (self.directory / f"{door.service}.log").read_text()
            time.sleep(0.05)

    def answers(self, door: render.Door) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", door.port)) == 0

    def pid(self, door: render.Door) -> int:
        return self._processes[door.service].pid

    def stop(self, door: render.Door, *, kill: bool = False) -> None:
        process = self._processes.pop(door.service, None)
        if process is not None:
            if kill:
                process.kill()
            else:
                process.terminate()
            process.wait(timeout=60)

    def stop_all(self) -> None:
        for door in (self.pull, self.push):
            self.stop(door, kill=True)

    def get(self, path: str, accept: Sequence[str] = ()) -> httpx.Response:
        """What the door where nodes pull answers."""
        return httpx.get(
            self.url(self.pull) + path, auth=(PULLER, self.known.passwords[PULLER]),
            verify=trusting(self.ca), headers={"Accept": ", ".join(accept)} if accept else {},
            timeout=60,
        )  # fmt: skip

    def under_way(self, root: Path = Path("/")) -> list[Path]:
        """Uploads that are not ended, or were left; as a process with another root sees them."""
        data = root / self.data.relative_to("/")
        return list(data.glob("docker/registry/v2/repositories/**/_uploads/*"))


def trusting(ca: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca))
