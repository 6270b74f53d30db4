"""A real HTTP server on loopback, whose faults a test chooses; it is a plain proxy, too."""

from __future__ import annotations

import re
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Files:
    """What is served, and how.

    Attributes:
        content: path to bytes.
        ranges: whether it can send the rest of a file.
        validators: headers that tell the state of a file, such as ETag.
        cut: break the connection off after so many bytes of a body.
        slow: wait for this event in the middle of a body.
        status: answer with that instead.
    """

    content: dict[str, bytes] = field(default_factory=dict)
    ranges: bool = True
    validators: dict[str, str] = field(default_factory=dict)
    cut: int | None = None
    slow: threading.Event | None = None
    status: int | None = None
    url: str = ""
    requests: list[tuple[str, str | None]] = field(default_factory=list)  # path, Range


@contextmanager
def serving(files: Files) -> Iterator[Files]:
    """Serve `files` for a while; sets its url."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            files.requests.append((self.path, self.headers.get("Range")))
            _answer(self, files)

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    with listening(Handler) as port:
        files.url = f"http://127.0.0.1:{port}"
        yield files


@contextmanager
def listening(
    handler: type[BaseHTTPRequestHandler], tls: ssl.SSLContext | None = None
) -> Iterator[int]:
    """Let a handler answer on a free port of loopback for a while; yields the port."""
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()


def _answer(request: BaseHTTPRequestHandler, files: Files) -> None:
    body = files.content.get(request.path)
    if body is None or files.status:
        request.send_error(files.status or 404)
        return
    start = _start(request, files)
    if start is not None and start >= len(body):
        request.send_response(416)
        request.send_header("Content-Range", f"bytes */{len(body)}")
        request.send_header("Content-Length", "0")
        request.end_headers()
        return
    request.send_response(200 if start is None else 206)
    if start is not None:
        request.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
        body = body[start:]
    request.send_header("Content-Length", str(len(body)))
    for name, value in files.validators.items():
        request.send_header(name, value)
    request.end_headers()
    if files.slow is not None:
        request.wfile.write(body[: len(body) // 2])
        assert files.slow.wait(20)
        body = body[len(body) // 2 :]
    request.wfile.write(body if files.cut is None else body[: files.cut])


def _start(request: BaseHTTPRequestHandler, files: Files) -> int | None:
    wanted = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
    state = request.headers.get("If-Range")
    same = state is None or state in files.validators.values()
    return int(wanted[1]) if wanted and files.ranges and same else None
