"""The images of OpenWhisk's stand-in, unpacked, and its server on loopback for them to reach."""

from __future__ import annotations

import functools
import gzip
import shutil
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from tests.contract.images.container import Container, artifact
from tests.contract.openwhisk.rig import Platform
from whisklab.engine.artifacts.entries import ANY
from whisklab.lab.standins.cache import architecture


@pytest.fixture(scope="module")
def bundle(openwhisk_catalogue: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The images, unpacked once: the archive is not read in its order."""
    plain = tmp_path_factory.mktemp("bundle") / "bundle.tar"
    packed = artifact(openwhisk_catalogue, "images", architecture())
    with gzip.open(packed) as source, plain.open("wb") as target:
        shutil.copyfileobj(source, target)
    return plain


@pytest.fixture(scope="module")
def container(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Container:
    return Container(bundle, "docker.io/openwhisk/ow-utils:ef725a6", tmp_path_factory.mktemp("ow"))


@pytest.fixture(scope="module")
def busybox(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Container:
    return Container(bundle, "docker.io/library/busybox:1.36.1", tmp_path_factory.mktemp("bb"))


@pytest.fixture(scope="module")
def sources(openwhisk_catalogue: Path) -> Iterator[str]:
    """A file server with the source archives; its URL."""
    directory = artifact(openwhisk_catalogue, "sources-openwhisk", ANY).parent
    handler = functools.partial(SimpleHTTPRequestHandler, directory=str(directory))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    found = Platform(tmp_path_factory.mktemp("platform"))
    found.start("apigateway")
    yield found
    found.stop()
