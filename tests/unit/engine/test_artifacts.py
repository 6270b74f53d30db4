"""Artifacts: fetched once, checked, never half there."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from whisklab.engine.artifacts import fetch
from whisklab.engine.catalogue import Artifact, Catalogue, Source
from whisklab.errors import BadInput, WhisklabError

BODY = b"k3s" * 100_000
SHA = hashlib.sha256(BODY).hexdigest()


class Server(BaseHTTPRequestHandler):
    """Serves BODY at /whole, half of it at /truncated; counts requests."""

    requests: list[str] = []

    def do_GET(self) -> None:
        self.requests.append(self.path)
        if self.path == "/missing":
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(BODY)))
        self.end_headers()
        self.wfile.write(BODY if self.path == "/whole" else BODY[: len(BODY) // 2])

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    Server.requests.clear()
    with ThreadingHTTPServer(("127.0.0.1", 0), Server) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_port}"
        httpd.shutdown()
        thread.join()


def artifact(url: str, sha256: str = SHA) -> Artifact:
    return Artifact(product="k3s", version="v1.2.3+k3s1", source=Source(url=url, sha256=sha256))


def files_below(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def test_fetched_once(server: str) -> None:
    first = fetch(artifact(f"{server}/whole"))
    assert first.read_bytes() == BODY
    assert fetch(artifact(f"{server}/whole")) == first
    assert Server.requests == ["/whole"]


@pytest.mark.parametrize(
    ("path", "sha256", "sentence"),
    [
        ("/truncated", SHA, "broke off after"),
        ("/missing", SHA, "answers 404"),
        ("/whole", "0" * 64, "the catalogue says 0000"),
    ],
)
def test_nothing_half_there(
    server: str, tmp_path: Path, path: str, sha256: str, sentence: str
) -> None:
    with pytest.raises(WhisklabError, match=sentence):
        fetch(artifact(server + path, sha256))
    assert files_below(tmp_path / "cache") == []


def test_nobody_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(WhisklabError, match="run again"):
        fetch(artifact("http://127.0.0.1:9/k3s"))


def test_a_local_file_is_checked_too(tmp_path: Path) -> None:
    file = tmp_path / "k 3s"
    file.write_bytes(BODY)
    assert fetch(artifact(file.as_uri())) == file
    file.write_bytes(BODY[:-1])
    with pytest.raises(WhisklabError, match="it was not installed"):
        fetch(artifact(file.as_uri()))


def catalogue(tmp_path: Path, text: str) -> Catalogue:
    path = tmp_path / "catalogue.yaml"
    path.write_text(text)
    return Catalogue(path)


GOOD = f"""
k3s:
  default: v1.2.3+k3s1
  versions:
    v1.2.3+k3s1: {{k3s: {{amd64: {{url: "https://x.test/a/k3s%2B", sha256: {SHA}}}}}}}
"""


def test_the_catalogue(tmp_path: Path) -> None:
    found = catalogue(tmp_path, GOOD).artifact("k3s", None, "k3s", "amd64")
    assert (found.version, found.source.sha256) == ("v1.2.3+k3s1", SHA)
    with pytest.raises(BadInput, match=r"has no k3s v9; it has v1\.2\.3\+k3s1"):
        catalogue(tmp_path, GOOD).version("k3s", "v9")
    with pytest.raises(BadInput, match="has no k3s for arm64"):
        catalogue(tmp_path, GOOD).artifact("k3s", None, "k3s", "arm64")
    with pytest.raises(BadInput, match="has no helm"):
        catalogue(tmp_path, GOOD).version("helm", None)


@pytest.mark.parametrize("text", ["[", "a: 1", "- x", GOOD.replace(SHA, "abc")])
def test_a_broken_catalogue(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInput, match=r"catalogue\.yaml"):
        catalogue(tmp_path, text)


def test_the_catalogue_of_the_repository() -> None:
    found = Catalogue(Path(__file__).parents[3] / "files/catalogue.yaml")
    for architecture in ("amd64", "arm64"):
        for name in ("k3s", "airgap-images"):
            assert found.artifact("k3s", None, name, architecture)
