"""Limits are for one thing each: what goes on for longer than one of them is not cut off."""

from __future__ import annotations

import hashlib
import subprocess
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.unit.engine.http_server import listening
from whisklab.engine import limits
from whisklab.engine.artifacts.downloads import download
from whisklab.engine.helm.records import Cluster
from whisklab.engine.helm.release import Release
from whisklab.engine.kubernetes import kube, waiting
from whisklab.engine.kubernetes.objects import Id
from whisklab.engine.resources import services
from whisklab.errors import WhisklabError

ENGINE = Path(limits.__file__).parent
SILENT, PIECES = 1.5, 8
BODY = b"x" * PIECES


def serving(pause: float) -> type[BaseHTTPRequestHandler]:
    """A server that sends a body of PIECES bytes, one each `pause` seconds."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(PIECES))
            self.end_headers()
            for _ in range(PIECES):
                time.sleep(pause)
                try:
                    self.wfile.write(b"x")
                except ConnectionError:  # who asked has given up
                    return

        def log_message(self, *_: object) -> None:
            """Stay quiet."""

    return Handler


@pytest.fixture
def fetched(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[float], bytes]:
    """Download from a server with pauses, with a limit of SILENT seconds."""
    monkeypatch.setenv("no_proxy", "*")
    monkeypatch.setattr(limits, "DOWNLOAD_SILENT", SILENT)

    def fetch(pause: float) -> bytes:
        with listening(serving(pause)) as port:
            there, sha256 = tmp_path / "file", hashlib.sha256(BODY).hexdigest()
            download("it", f"http://127.0.0.1:{port}/file", there, sha256, lambda _: None)
        return there.read_bytes()

    return fetch


def test_a_slow_download_takes_its_time(fetched: Callable[[float], bytes]) -> None:
    assert fetched(SILENT / 6) == BODY  # longer than the limit in all


def test_a_silent_one_is_given_up(fetched: Callable[[float], bytes]) -> None:
    with pytest.raises(WhisklabError, match="it: .*run again"):
        fetched(SILENT * 2)


class Api:
    """Has one object, which goes after so many looks."""

    def __init__(self, looks: int) -> None:
        self.looks = looks

    def request(self, *how: Any) -> Any:
        if how[2] == "DELETE":
            return {}
        self.looks -= 1
        if self.looks < 0:
            raise kube.Refused(404, "not found")
        return {"metadata": {"name": "work"}}


@pytest.mark.parametrize(("looks", "gone"), [(3, True), (10_000, False)])
def test_an_object_is_waited_for_until_it_is_gone(
    monkeypatch: pytest.MonkeyPatch, looks: int, gone: bool
) -> None:
    monkeypatch.setattr(limits, "OBJECT_GONE_WITHIN", 3600.0 if gone else 0.0)
    monkeypatch.setattr(waiting, "POLL", 0.0)
    api = Api(looks)
    monkeypatch.setattr(kube, "request", api.request)
    server: Any = SimpleNamespace(name="m1", state=SimpleNamespace())
    cluster = Cluster(server, kube.Endpoint("", 0))
    release, names = Release("r", None, "space"), [Id("Job", "", "work")]
    if gone:
        cluster.remove(release, names)
        assert api.looks == -1
    else:
        with pytest.raises(
            WhisklabError, match="still there: Job/work of release r: see what keeps"
        ):
            cluster.remove(release, names)


def test_each_limit_is_somebodys() -> None:
    names = [name for name in vars(limits) if name.isupper()]
    assert len(names) > 5
    texts = [each.read_text() for each in ENGINE.rglob("*.py") if each.name != "limits.py"]
    assert [name for name in names if not any(f"limits.{name}" in text for text in texts)] == []


@pytest.fixture
def programs(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run a script with programs of these texts in the place of a host's."""

    def run(script: str, *arguments: str, **texts: str) -> subprocess.CompletedProcess[str]:
        for name, text in texts.items():
            program = tmp_path / name
            program.write_text(f"#!/bin/sh\ncd {tmp_path}\n{text}\n")
            program.chmod(0o755)
        return subprocess.run(
            ["sh", "-c", script, "-", *arguments], capture_output=True, text=True, check=False,
            env={"PATH": f"{tmp_path}:/usr/bin:/bin"}, timeout=60,
        )  # fmt: skip

    return run


@pytest.mark.parametrize(("within", "takes", "code"), [("3600", "1", 0), ("1", "30", 1)])
def test_a_service_is_given_its_time_to_start(
    programs: Callable[..., subprocess.CompletedProcess[str]],
    tmp_path: Path,
    within: str,
    takes: str,
    code: int,
) -> None:
    """And to answer: the first two times it does not."""
    script = services._RESTART
    arguments = ("k3s", str(tmp_path / "good"), within, "5", "http://127.0.0.1:1/healthz", "")
    done = programs(
        script, *arguments,
        systemctl=f'case $1 in restart) exec sleep {takes};; esac',
        curl='echo x >> asked; test "$(wc -l < asked)" -gt 2',
        journalctl="echo the last words",
    )  # fmt: skip
    assert done.returncode == code, done.stderr
    assert ("k3s does not come up" in done.stderr) is bool(code)
    assert ("the last words" in done.stderr) is bool(code)
