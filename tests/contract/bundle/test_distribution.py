"""Images from the real registry program, without TLS and without an account, as an upstream."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.contract.bundle.changing import quiet
from tests.contract.registry import making
from tests.contract.registry.doors import distribution, free_port
from whisklab.bundle import pulling
from whisklab.bundle.image_lock import ImageLock
from whisklab.bundle.names import parse
from whisklab.bundle.pulling import Wanted
from whisklab.bundle.upstream import Upstream

_CONFIGURATION = """\
version: 0.1
log: {{accesslog: {{disabled: true}}}}
storage: {{filesystem: {{rootdirectory: {data}}}}}
http: {{addr: "127.0.0.1:{port}", secret: test}}
"""
_STARTS_WITHIN = 30  # seconds


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """The registry."""
    port = free_port()
    file = tmp_path / "registry.yaml"
    file.write_text(_CONFIGURATION.format(data=tmp_path / "data", port=port))
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            [distribution(), "serve", file], stdout=log, stderr=log,
            env={**os.environ, "OTEL_TRACES_EXPORTER": "none"},
        )  # fmt: skip
    try:
        deadline = time.monotonic() + _STARTS_WITHIN
        while socket.socket().connect_ex(("127.0.0.1", port)):
            assert time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.05)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def push(url: str, repository: str, image: making.Made, tag: str) -> None:
    with httpx.Client(base_url=url) as http:
        for digest, data in image.blobs.items():
            where = http.post(f"/v2/{repository}/blobs/uploads/").headers["location"]
            done = http.put(where, params={**httpx.URL(where).params, "digest": digest},
                            content=data)  # fmt: skip
            assert done.status_code == 201, done.text
        kind = {"Content-Type": making.MANIFEST}
        done = http.put(f"/v2/{repository}/manifests/{tag}", content=image.manifest, headers=kind)
        assert done.status_code == 201, done.text


def test_an_image_is_fetched_as_it_is(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    image = making.image([making.layer(1, 300_000), making.layer(2, 10)])
    push(url, "lab/tool", image, "1")
    host = url.removeprefix("http://")  # this machine's own needs no TLS, and so no mirror
    upstream, name = Upstream({}, quiet), parse(f"{host}/lab/tool:1", "test")
    wanted = [Wanted(name, ("amd64",), ("test",))]
    (found,) = pulling.resolved(wanted, upstream, ImageLock(tmp_path / "catalogue.yaml"))
    assert found.top.data == image.manifest
    files = pulling.fetched([found], upstream)
    assert {digest: path.read_bytes() for digest, path in files.items()} == image.blobs
