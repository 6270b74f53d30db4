"""Servers in upstream's place: the stand-ins' bytes under the names that the catalogue has."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import yaml

from tests.contract.registry.doors import Doors, distribution
from tests.contract.registry.pushing import opened, push
from tests.e2e.upstream.network import ADDRESS
from whisklab.engine.registry_secrets import PUSHER
from whisklab.lab.standins import build
from whisklab.lab.standins.cache import architecture

ANY = "all"
REGISTRY = f"http://{ADDRESS}:5000"  # in the place of all of them
SOURCES = f"http://{ADDRESS}/sources"
_CONFIGURATION = """\
version: 0.1
storage:
  filesystem: {{rootdirectory: {data}}}
  maintenance: {{readonly: {{enabled: true}}}}
http: {{addr: "{address}:5000", secret: none}}
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
        configuration.write_text(_CONFIGURATION.format(data=self.data, address=ADDRESS))
        pages = (sys.executable, "-u", "-m", "http.server", "80", "--bind", ADDRESS,
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
                for url in (f"http://{ADDRESS}/", f"{REGISTRY}/v2/"):
                    subprocess.run(
                        [*inside, "curl", "--silent", "--fail", "--output", "/dev/null",
                         "--retry", "60", "--retry-delay", "1", "--retry-connrefused", url],
                        check=True,
                    )  # fmt: skip
                yield
            finally:
                for each in both:
                    each.terminate()
                    each.wait(timeout=60)


def _path(source: dict[str, Any]) -> Path:
    return Path(source["url"].removeprefix("file://"))
