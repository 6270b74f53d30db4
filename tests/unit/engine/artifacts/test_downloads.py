"""Downloads: continued where they broke off, never mixed up, each fault one sentence."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.unit.engine.http_server import Files, serving
from whisklab.engine.artifacts.downloads import client, download, progress
from whisklab.engine.cache import cached, writing
from whisklab.errors import WhisklabError

BODY = random.Random(1).randbytes(3_000_000)  # noqa: S311  any bytes will do
OTHER = random.Random(2).randbytes(3_000_000)  # noqa: S311
HALF = len(BODY) // 2
TAGGED = {"ETag": '"one"'}
DATED = {"Last-Modified": "Mon, 01 Sep 2025 10:00:00 GMT"}


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def files(monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)
    with serving(Files({"/k3s": BODY})) as server:
        yield server


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cache/artifacts/k3s"


said: list[str] = []


def get(files: Files, path: Path, sha256: str | None = sha(BODY)) -> str:
    said.clear()
    return download("k3s", f"{files.url}/k3s", path, sha256, said.append)


def break_off(files: Files, path: Path, sha256: str | None = sha(BODY)) -> None:
    """A first run that gets just the first half."""
    files.cut = HALF
    with pytest.raises(WhisklabError, match=f"broke off after {HALF} bytes .*run again"):
        get(files, path, sha256)
    files.cut = None
    assert (path.parent / "k3s.part").stat().st_size == HALF
    assert not path.exists()
    files.requests.clear()


def complete(path: Path, content: bytes = BODY) -> bool:
    """Whether the file is there and nothing else is left beside it."""
    return path.read_bytes() == content and os.listdir(path.parent) == [path.name]  # noqa: PTH208


@pytest.mark.parametrize("validators", [{}, TAGGED, DATED, {**DATED, "ETag": 'W/"weak"'}])
def test_the_next_run_continues(files: Files, path: Path, validators: dict[str, str]) -> None:
    files.validators = validators
    break_off(files, path)
    get(files, path)
    assert complete(path)
    assert files.requests == [("/k3s", f"bytes={HALF}-")]
    assert said[0] == "k3s: continuing after 2 MB"


def test_it_breaks_off_again_and_again(files: Files, path: Path) -> None:
    files.cut = 1_000_000
    for _ in range(2):
        with pytest.raises(WhisklabError, match="broke off"):
            get(files, path)
    get(files, path)
    assert complete(path)
    assert [wanted for _, wanted in files.requests] == [None, "bytes=1000000-", "bytes=2000000-"]


def test_a_server_without_ranges(files: Files, path: Path) -> None:
    break_off(files, path)
    files.ranges = False
    get(files, path)
    assert complete(path)
    assert len(files.requests) == 1


@pytest.mark.parametrize("validators", [TAGGED, DATED])
def test_the_file_at_the_server_changed(
    files: Files, path: Path, validators: dict[str, str]
) -> None:
    files.validators = validators
    break_off(files, path, sha(OTHER))
    files.content["/k3s"], files.validators = OTHER, {"ETag": '"two"'}
    get(files, path, sha(OTHER))
    assert complete(path, OTHER)
    assert len(files.requests) == 1  # If-Range made the server send the whole at once


def test_it_changed_and_the_server_does_not_tell(files: Files, path: Path) -> None:
    break_off(files, path, sha(OTHER))
    files.content["/k3s"] = OTHER
    get(files, path, sha(OTHER))
    assert complete(path, OTHER)
    assert [wanted for _, wanted in files.requests] == [f"bytes={HALF}-", None]
    assert any("starting over" in line for line in said)


def test_a_part_from_elsewhere_is_continued(files: Files, path: Path) -> None:
    files.validators = TAGGED
    break_off(files, path)
    with serving(Files({"/k3s": BODY}, validators={"ETag": '"of a mirror"'})) as mirror:
        get(mirror, path)
        assert mirror.requests == [("/k3s", f"bytes={HALF}-")]
    assert complete(path)


@pytest.mark.parametrize("extra", [b"", b"more than there is"])
@pytest.mark.parametrize("ranges", [True, False])
def test_a_part_that_is_complete_or_too_long(
    files: Files, path: Path, extra: bytes, ranges: bool
) -> None:
    files.ranges = ranges
    path.parent.mkdir(parents=True)
    (path.parent / "k3s.part").write_bytes(BODY + extra)
    get(files, path)
    assert complete(path)


@pytest.mark.parametrize("note", ["", "[]", "{}", '{"url": 1}'])
def test_a_broken_note(files: Files, path: Path, note: str) -> None:
    break_off(files, path)
    (path.parent / "k3s.part.from").write_text(note)
    get(files, path)
    assert complete(path)


def test_a_wrong_checksum_removes_the_part(files: Files, path: Path) -> None:
    with pytest.raises(WhisklabError, match=f"has the SHA-256 {sha(BODY)}, the catalogue says 000"):
        get(files, path, "0" * 64)
    assert list(path.parent.iterdir()) == []
    break_off(files, path, "0" * 64)
    with pytest.raises(WhisklabError, match="it was not installed"):
        get(files, path, "0" * 64)
    assert list(path.parent.iterdir()) == []


def test_a_server_that_fails_leaves_the_part(files: Files, path: Path) -> None:
    break_off(files, path)
    files.status = 503
    with pytest.raises(WhisklabError, match="answers 503"):
        get(files, path)
    files.status = None
    get(files, path)
    assert complete(path)
    assert files.requests[-1] == ("/k3s", f"bytes={HALF}-")


def test_without_a_checksum_only_what_is_known_to_be_the_same_is_continued(
    files: Files, path: Path
) -> None:
    break_off(files, path, None)
    assert get(files, path, None) == sha(BODY)
    assert files.requests == [("/k3s", None)]
    path.unlink()
    files.validators = TAGGED
    break_off(files, path, None)
    assert get(files, path, None) == sha(BODY)
    assert files.requests == [("/k3s", f"bytes={HALF}-")]


def test_two_runs_at_once(files: Files, path: Path) -> None:
    """One of them in a process of its own; the second waits, and the file comes once."""
    files.slow = threading.Event()
    program = (
        "import sys; from pathlib import Path; "
        "from whisklab.engine.artifacts.downloads import download; "
        "download('k3s', sys.argv[1], Path(sys.argv[2]), sys.argv[3], print)"
    )
    argv = [sys.executable, "-c", program, f"{files.url}/k3s", str(path), sha(BODY)]
    with subprocess.Popen(argv) as other:
        while not files.requests:
            assert other.poll() is None
        lines: list[str] = []
        run = threading.Thread(
            target=download, args=("k3s", f"{files.url}/k3s", path, sha(BODY), lines.append)
        )
        run.start()
        while not lines:
            assert run.is_alive()
        assert lines == ["k3s: another run is fetching it, waiting for that"]
        files.slow.set()
        run.join(20)
        assert other.wait(20) == 0
    assert complete(path)
    assert len(files.requests) == 1


def test_a_run_that_is_killed_leaves_a_part_that_is_continued(files: Files, path: Path) -> None:
    files.slow = threading.Event()
    program = (
        "import sys; from pathlib import Path; "
        "from whisklab.engine.artifacts.downloads import download; "
        "download('k3s', sys.argv[1], Path(sys.argv[2]), sys.argv[3], print)"
    )
    argv = [sys.executable, "-c", program, f"{files.url}/k3s", str(path), sha(BODY)]
    part = path.parent / "k3s.part"
    with subprocess.Popen(argv) as other:
        while not (part.exists() and part.stat().st_size > HALF // 2):
            assert other.poll() is None
        other.kill()
    left = part.stat().st_size
    files.slow.set()
    get(files, path)
    assert complete(path)
    assert files.requests[-1] == ("/k3s", f"bytes={left}-")


def test_through_a_proxy(files: Files, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The name is not to be resolved: only the proxy knows where it is."""
    url = "http://releases.invalid/k3s"
    proxy = Files({url: BODY})
    with serving(proxy):
        monkeypatch.setenv("http_proxy", proxy.url)
        download("k3s", url, path, sha(BODY), said.append)
        assert complete(path)
        assert [where for where, _ in proxy.requests] == [url]
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        path.unlink()
        get(files, path)
        assert len(proxy.requests) == 1
        assert len(files.requests) == 1


@pytest.mark.parametrize(
    "value", ["ftp://user:hunter2@x:1", "socks4://user:hunter2@x", "http://x:y"]
)
def test_a_proxy_that_is_none(files: Files, monkeypatch: pytest.MonkeyPatch, value: str) -> None:
    monkeypatch.setenv("http_proxy", value)
    with pytest.raises(WhisklabError, match="http_proxy, https_proxy or all_proxy") as raised:
        client()
    assert "hunter2" not in str(raised.value)


def test_certificates_that_are_not_there(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_DIR", "/nowhere")
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere/ca.pem")
    with pytest.raises(WhisklabError, match="SSL_CERT_FILE or SSL_CERT_DIR cannot be read"):
        client()


def test_an_unwritable_cache(files: Files, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where a directory must be")
    directory = tmp_path / "cache/artifacts"
    with pytest.raises(WhisklabError, match="cannot be written .*XDG_CACHE_HOME") as raised:
        get(files, directory / "k3s")
    assert str(directory) in str(raised.value)
    assert files.requests == []


def test_a_full_disk(files: Files, path: Path) -> None:
    path.parent.mkdir(parents=True)
    (path.parent / "k3s.part").symlink_to("/dev/full")
    with pytest.raises(WhisklabError, match="the disk is full: make room .*XDG_CACHE_HOME"):
        get(files, path)
    assert not path.exists()


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cached("ab", "k3s") == tmp_path / "whisklab/artifacts/ab/k3s"
    with pytest.raises(KeyError), writing(tmp_path):
        raise KeyError("somebody else's")


def test_progress() -> None:
    assert progress(35_000_000, 70_000_000) == "35 of 70 MB"
    assert progress(35_000_000, 0) == "35 MB"
