"""Servers in upstream's place: the stand-ins' bytes under the names that the catalogue has."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from tests.contract.registry.doors import Doors, distribution
from tests.contract.registry.pushing import opened, push
from tests.e2e.upstream.network import ADDRESS
from whisklab.engine.registries.secrets import PUSHER
from whisklab.lab.standins import build
from whisklab.lab.standins.cache import architecture

ANY = "all"
PAGES, IMAGES = 80, 5000  # ports
STARTS_WITHIN = 60  # seconds
REGISTRY = f"http://{ADDRESS}:{IMAGES}"  # in the place of all of them
SOURCES = f"http://{ADDRESS}/sources"
_CONFIGURATION = """\
version: 0.1
storage:
  filesystem: {{rootdirectory: {data}}}
  maintenance: {{readonly: {{enabled: true}}}}
http: {{addr: "{address}:{port}", secret: none}}
"""


class Upstream:
    """What is served: release pages below `files`, images below `data`.

    Args:
        directory: for both, and for logs.
    """

    def __init__(self, directory: Path) -> None:
        self.files, self.data = directory / "files", directory / "images/data"
        self.requests, self.pulls = directory / "requests.log", directory / "pulls.log"
        self._directory = directory
        self._standins = yaml.safe_load(Path(build(report=print)).read_text())
        self._program = distribution()

    def catalogue(self, text: str) -> str:
        """The catalogue of the repository with our address before each of upstream's.

        Its k3s has the version that the stand-in says it is, whose images gzip has compressed.
        """
        usual, ours = (
            found["k3s"]["default"].partition("+")[0]
            for found in (yaml.safe_load(text), self._standins)
        )
        moved = text.replace("https://", f"http://{ADDRESS}/").replace(usual, ours)
        return moved.replace(".tar.zst", ".tar.gz")

    def fill(self, catalogue: str) -> dict[str, str]:
        """Have all that a lab needs of a catalogue; returns the SHA-256 of each file by its URL."""
        known = {}
        for product, entry in yaml.safe_load(catalogue).items():
            artifacts = entry["versions"][entry["default"]]
            ours = self._standins[product]
            own = ours["versions"][ours["default"]]
            for artifact, places in artifacts.items():
                for kind in {architecture(), ANY} & set(places):
                    url = places[kind]["url"]
                    known[url] = own[artifact][kind]["sha256"]
                    self._serve(places[kind], own[artifact][kind])
        for name, found in self._sources():
            (self.files / "sources").mkdir(exist_ok=True)
            (self.files / "sources" / name).symlink_to(found)
        self._push()
        return known

    def _serve(self, theirs: dict[str, Any], ours: dict[str, Any]) -> None:
        place = self.files / unquote(urlsplit(theirs["url"]).path).lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(_path(ours))
        if sums := theirs.get("sums"):
            with place.with_name(sums).open("a") as file:
                file.write(f"{ours['sha256']}  {place.name}\n")

    def _sources(self) -> list[tuple[str, Path]]:
        """What the jobs of OpenWhisk clone, which no test can."""
        product = self._standins["openwhisk"]
        artifacts = product["versions"][product["default"]]
        found = [_path(each[ANY]) for name, each in artifacts.items() if name.startswith("sources")]
        return [(path.name, path) for path in found]

    def _push(self) -> None:
        doors = Doors(self._program, self._directory / "images")
        doors.start(doors.push)
        try:
            registry = opened(doors.url(doors.push), doors.ca, doors.known.passwords[PUSHER])
            for product in self._standins.values():
                images = product["versions"][product["default"]].get("images")
                if images:
                    push(registry, self._directory, _path(images[architecture()]), None)
        finally:
            doors.stop_all()

    @contextmanager
    def serving(self, inside: Sequence[str]) -> Iterator[None]:
        """Serve, in the network in which commands that begin so run."""
        configuration = self._directory / "registry.yml"
        configuration.write_text(
            _CONFIGURATION.format(data=self.data, address=ADDRESS, port=IMAGES)
        )
        pages = (sys.executable, "-u", "-m", "http.server", str(PAGES), "--bind", ADDRESS,
                 "--directory", str(self.files))  # fmt: skip
        images = (str(self._program), "serve", str(configuration))
        with self.requests.open("a") as requests, self.pulls.open("a") as pulls:
            both = [
                subprocess.Popen([*inside, *pages], stdout=requests, stderr=requests),
                subprocess.Popen(
                    [*inside, *images],
                    stdout=pulls,
                    stderr=pulls,
                    env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
                ),
            ]
            try:
                for port in (PAGES, IMAGES):
                    _await(inside, port)
                yield
            finally:
                for each in both:
                    each.terminate()
                    each.wait(timeout=60)


def _await(inside: Sequence[str], port: int) -> None:
    """Wait until a port of ours takes connections, in the network."""
    connect = "import socket, sys; socket.create_connection((sys.argv[1], int(sys.argv[2])), 5)"
    argv = [*inside, sys.executable, "-c", connect, ADDRESS, str(port)]
    deadline = time.monotonic() + STARTS_WITHIN
    while (done := subprocess.run(argv, check=False, capture_output=True, text=True)).returncode:
        assert time.monotonic() < deadline, done.stderr
        time.sleep(0.2)


def _path(source: dict[str, Any]) -> Path:
    return Path(source["url"].removeprefix("file://"))
