"""The sources of a bundle on loopback: files, and a registry that has any image one asks for.

Faults are chosen by a test: `faults` is asked before each answer.
"""

from __future__ import annotations

import json
import re
import threading
import time
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import SplitResult, parse_qs, urlsplit

from tests.contract.registry import making
from tests.unit.engine.http_server import listening

PLATFORMS = ("amd64", "arm64", "s390x")
_PIECE = 64 << 10
_BASE, _OWN = 40_000, 9_000  # bytes of the layer that all images share, and of each one's own
_PATH = re.compile(r"/v2/(?P<repository>.+)/(?P<kind>manifests|blobs)/(?P<reference>[^/]+)")
Answer = tuple[int, Mapping[str, str], bytes]


@dataclass
class Upstream:
    """What is served, and what was asked.

    Attributes:
        url: of the server.
        files: path to bytes.
        manifests: repository and reference to bytes.
        blobs: digest to bytes.
        faults: method and path to an answer in place of the right one, None for the right one.
        token: whether the registry wants one.
        login: the header of the account that the registry, or who gives its tokens, wants.
        logins: headers of that kind that were sent, with their paths.
        has: tells whether there is an image of a repository and tag.
        requests: method, path, Range of each.
        cut_after: bytes of a body after which the connection breaks; None never.
        pause: seconds between two pieces of a body.
        sent: bytes of bodies, by path.
    """

    url: str = ""
    files: dict[str, bytes] = field(default_factory=dict)
    manifests: dict[tuple[str, str], bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)
    faults: Callable[[str], Answer | None] = lambda _: None
    token: bool = False
    login: str = ""
    logins: set[tuple[str, str]] = field(default_factory=set)
    has: Callable[[str, str], bool] = lambda _repository, _tag: True
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    cut_after: int | None = None
    pause: float = 0.0
    sent: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, repository: str, tag: str, seed: int, size: int = _OWN) -> bytes:
        """Have an image for all platforms, with attestations; returns its index."""
        children = [
            making.image([making.layer(0, _BASE), making.layer(seed * 10 + number, size)], each)
            for number, each in enumerate(PLATFORMS)
        ]
        entries: list[dict[str, Any]] = []
        for child in children:
            proof = making.image([b"proof of " + child.digest.encode()], "unknown")
            note = {"vnd.docker.reference.digest": child.digest}
            entries += [child.entry(), proof.entry(annotations=note)]
            for each in (child, proof):
                self.put(repository, "", each)
        index = {"schemaVersion": 2, "mediaType": making.INDEX, "manifests": entries}
        data = json.dumps(index).encode()
        self.manifests[repository, tag] = self.manifests[repository, making.digest(data)] = data
        return data

    def put(self, repository: str, tag: str, image: making.Made) -> None:
        """Have an image of one platform, by its digest and a tag."""
        self.blobs |= image.blobs
        self.manifests[repository, image.digest] = image.manifest
        if tag:
            self.manifests[repository, tag] = image.manifest

    def manifest(self, repository: str, reference: str) -> bytes | None:
        with self.lock:
            found = self.manifests.get((repository, reference))
            if found is None and ":" not in reference and self.has(repository, reference):
                found = self.add(repository, reference, _seed(repository, reference))
            return found

    def counted(self, part: str) -> list[str]:
        """Paths that were asked for, of those with a text in them."""
        return [path for path, _ in self.requests if part in path]


def _seed(repository: str, tag: str) -> int:
    return zlib.crc32(f"{repository}:{tag}".encode())


@contextmanager
def serving(upstream: Upstream) -> Iterator[Upstream]:
    """Serve for a while; sets its url."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            with upstream.lock:
                upstream.requests.append((self.path, self.headers.get("Range")))
            status, headers, body = _answer(upstream, self.path, dict(self.headers))
            start = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "")
            if status == 200 and start:
                status, offset = 206, int(start[1])
                headers = {
                    **headers,
                    "Content-Range": f"bytes {offset}-{len(body) - 1}/{len(body)}",
                }
                body = body[offset:]
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            try:
                self._send(body if upstream.cut_after is None else body[: upstream.cut_after])
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True  # the client was killed

        def _send(self, body: bytes) -> None:
            for start in range(0, len(body), _PIECE):
                piece = body[start : start + _PIECE]
                self.wfile.write(piece)
                with upstream.lock:
                    upstream.sent[self.path] += len(piece)
                if upstream.pause:
                    time.sleep(upstream.pause)

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    with listening(Handler) as port:
        upstream.url = f"http://127.0.0.1:{port}"
        yield upstream


def _answer(upstream: Upstream, path: str, headers: Mapping[str, str]) -> Answer:
    if (fault := upstream.faults(path)) is not None:
        return fault
    parts = urlsplit(path)
    if parts.path == "/token" or parts.path.startswith("/v2/"):
        return _of_registry(upstream, parts, headers.get("Authorization", ""))
    body = upstream.files.get(parts.path)
    return (404, {}, b"") if body is None else (200, {"ETag": '"1"'}, body)


def _of_registry(upstream: Upstream, parts: SplitResult, given: str) -> Answer:
    if given.startswith("Basic "):
        upstream.logins.add((parts.path, given))
    found = _PATH.fullmatch(parts.path)
    if (status := _unknown(upstream, parts.path, found, given)) is not None:
        return status
    if parts.path == "/token":
        scope = parse_qs(parts.query)["scope"][0]
        return 200, {}, json.dumps({"token": f"for {scope}", "expires_in": 60}).encode()
    if found is None:
        return 200, {}, b"{}"
    reference = found["reference"]
    data = (
        upstream.manifest(found["repository"], reference)
        if found["kind"] == "manifests"
        else upstream.blobs.get(reference)
    )
    return (404, {}, b'{"errors": []}') if data is None else (200, {}, data)


def _unknown(
    upstream: Upstream, path: str, found: re.Match[str] | None, given: str
) -> Answer | None:
    """Return the answer to who is not known, or has not the token; None for the right one."""
    if path == "/token" or not upstream.token:
        wanted, way = upstream.login, 'Basic realm="test"'
    else:
        wanted = f"Bearer for repository:{found['repository'] if found else ''}:pull"
        way = f'Bearer realm="{upstream.url}/token",service="test"'
    return None if wanted in {"", given} else (401, {"WWW-Authenticate": way}, b"{}")
