"""`whisklab lock`: checksums from the release's list or from the bytes, never invented."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest
import yaml

from tests.unit.engine.http_server import Files, serving
from whisklab.cli.main import run
from whisklab.engine.artifacts.catalogue import Catalogue, opened
from whisklab.engine.artifacts.lock import parse_sums, record, render
from whisklab.engine.progress import PROGRESS
from whisklab.errors import WhisklabError

K3S, IMAGES, TOOL = b"k3s" * 1000, b"images" * 1000, b"tool" * 1000
RELEASE = "/download/v1.2.3%2Bk3s1"


def sha(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


SUMS = f"{sha(IMAGES)}  k3s-images.tar.zst\n{sha(K3S)}  k3s\n{'0' * 64}  k3s-arm64\n"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    content = {
        f"{RELEASE}/sums.txt": SUMS.encode(),
        "/mirror/v1.2.3-k3s1/sums.txt": SUMS.encode(),
        "/tool.tgz": TOOL,
    }
    with serving(Files(content)) as files:
        yield files


@pytest.fixture
def path(tmp_path: Path, server: Files) -> Path:
    """A catalogue with a list of checksums for one product, none for the other."""
    local = tmp_path / "local"
    local.write_bytes(IMAGES)
    release, mirror = server.url + RELEASE, f"{server.url}/mirror/v1.2.3-k3s1"
    listed = {
        name: {"amd64": {"url": f"{release}/{file}", "mirrors": {"cn": f"{mirror}/{file}"},
                         "sums": "sums.txt"}}
        for name, file in (("k3s", "k3s"), ("images", "k3s-images.tar.zst"))
    }  # fmt: skip
    tool = {
        "tool": {"amd64": {"url": f"{server.url}/tool.tgz"}},
        "local": {"amd64": {"url": local.as_uri()}},
        "own": {"amd64": {"url": "file:///not/there", "sha256": "1" * 64}},
    }
    catalogue = {
        "k3s": {"default": "v1.2.3+k3s1", "versions": {"v1.2.3+k3s1": listed}},
        "tool": {"default": "v1", "versions": {"v1": tool}},
    }
    file = tmp_path / "catalogue.yaml"
    file.write_text(yaml.safe_dump(catalogue, sort_keys=False))
    return file


def locked(path: Path) -> dict[str, tuple[str, str]]:
    found = Catalogue(path).lock
    return {f"{key.product}/{key.name}": (each.sha256, each.origin) for key, each in found.items()}


def lock(path: Path, *options: str) -> int:
    return run(["lock", str(path), *options])


def test_it_resolves(server: Files, path: Path, tmp_path: Path) -> None:
    assert lock(path) == 0
    sums = f"{server.url}{RELEASE}/sums.txt"
    assert locked(path) == {
        "k3s/k3s": (sha(K3S), sums),
        "k3s/images": (sha(IMAGES), sums),
        "tool/tool": (sha(TOOL), f"{server.url}/tool.tgz"),
        "tool/local": (sha(IMAGES), (tmp_path / "local").as_uri()),
    }
    # The list once, and nothing that is in it; what was downloaded is where a deploy looks for it.
    assert sorted(where for where, _ in server.requests) == [f"{RELEASE}/sums.txt", "/tool.tgz"]
    cache = tmp_path / "cache/whisklab"
    assert (cache / f"artifacts/{sha(TOOL)}/tool.tgz").read_bytes() == TOOL
    assert not [each for each in (cache / "unchecked").rglob("*") if each.is_file()]
    assert sorted(each.name for each in tmp_path.glob("*catalogue*")) == [
        "catalogue.lock.yaml", "catalogue.yaml"]  # fmt: skip


def test_what_is_locked_stays(
    server: Files, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lock(path) == 0
    file = path.with_suffix(".lock.yaml")
    theirs = file.read_text().replace(f"from: {server.url}{RELEASE}/sums.txt", "from: a friend")
    file.write_text(theirs)
    before = file.stat()
    server.requests.clear()
    capsys.readouterr()
    assert lock(path, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["added"], found["changed"], found["removed"]) == ([], [], [])
    assert found["checksums"]["k3s v1.2.3+k3s1 k3s amd64"] == {
        "sha256": sha(K3S), "from": "a friend"}  # fmt: skip
    assert file.read_text() == theirs
    assert file.stat().st_ino == before.st_ino
    assert server.requests == [(f"{RELEASE}/sums.txt", None)]
    assert lock(path) == 0
    assert "nothing to do, 4 checksums are locked" in capsys.readouterr().out


def test_another_checksum_is_refused(
    server: Files, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert lock(path) == 0
    before = path.with_suffix(".lock.yaml").read_text()
    server.content[f"{RELEASE}/sums.txt"] = SUMS.replace(sha(K3S), "2" * 64).encode()
    capsys.readouterr()
    assert lock(path) == 1
    said = capsys.readouterr().err
    assert f"k3s v1.2.3+k3s1 k3s amd64: {server.url}{RELEASE}/sums.txt says 2222" in said
    assert f"locked is {sha(K3S)}" in said
    assert path.with_suffix(".lock.yaml").read_text() == before
    assert lock(path, "--accept-changes") == 0
    assert "changed: k3s v1.2.3+k3s1 k3s amd64" in capsys.readouterr().out
    assert locked(path)["k3s/k3s"][0] == "2" * 64


@pytest.mark.parametrize(
    ("artifact", "sha256", "origin", "asked"),
    [
        (("k3s", "k3s"), sha(K3S), f"{RELEASE}/sums.txt", f"{RELEASE}/sums.txt"),
        (("tool", "tool"), sha(TOOL), "/tool.tgz", "/tool.tgz"),
    ],
)
def test_the_first_run_that_needs_a_file_locks_it(
    server: Files,
    path: Path,
    caplog: pytest.LogCaptureFixture,
    artifact: tuple[str, str],
    sha256: str,
    origin: str,
    asked: str,
) -> None:
    caplog.set_level(PROGRESS, logger="pyinfra")
    product, name = artifact
    assert opened(str(path)).artifact(product, None, name, "amd64").source.sha256 == sha256
    assert locked(path) == {f"{product}/{name}": (sha256, f"{server.url}{origin}")}
    assert server.requests == [(asked, None)]
    said = [each.getMessage() for each in caplog.records if each.levelno == PROGRESS]
    assert f"has no checksum of {product} " in said[0]
    file = path.with_suffix(".lock.yaml")
    assert said[-1].endswith(f"{server.url}{origin}, is in {file} now and holds from here on")
    # From now on it is held to that, whatever the source says.
    server.content[asked] = b"another"
    assert opened(str(path)).artifact(product, None, name, "amd64").source.sha256 == sha256
    assert len(server.requests) == 1


def test_what_is_locked_first_holds(server: Files, path: Path) -> None:
    """Another run has locked it while this one asked; what else is locked stays, in its order."""
    mine = Catalogue(path)
    assert lock(path) == 0
    before = path.with_suffix(".lock.yaml").read_text()
    key, entry = next((key, entry) for key, entry in mine.entries() if key.product == "tool")
    server.content["/tool.tgz"] = b"another"
    assert record(mine, key, entry, print).sha256 == sha(TOOL)
    assert path.with_suffix(".lock.yaml").read_text() == before
    kept = {each: value for each, value in Catalogue(path).lock.items() if each.product == "tool"}
    path.with_suffix(".lock.yaml").write_text(render(kept))
    assert opened(str(path)).artifact("k3s", None, "k3s", "amd64")
    assert [str(each) for each in Catalogue(path).lock] == [
        "k3s v1.2.3+k3s1 k3s amd64", "tool v1 tool amd64", "tool v1 local amd64"]  # fmt: skip


def test_a_run_without_a_network_says_what_lacks(server: Files, path: Path) -> None:
    path.write_text(path.read_text().replace(server.url, "http://127.0.0.1:9"))
    with pytest.raises(
        WhisklabError, match=r"lock\.yaml has no checksum of k3s .* none is to be had"
    ):
        opened(str(path)).artifact("k3s", None, "k3s", "amd64")
    assert not path.with_suffix(".lock.yaml").exists()


def test_what_left_the_catalogue_leaves_the_lock(server: Files, path: Path) -> None:
    assert lock(path) == 0
    catalogue = yaml.safe_load(path.read_text())
    del catalogue["tool"]
    path.write_text(yaml.safe_dump(catalogue))
    assert lock(path) == 0
    assert set(locked(path)) == {"k3s/k3s", "k3s/images"}


def test_a_mirror_s_list(server: Files, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lock(path, "--mirror", "cn") == 0
    assert locked(path)["k3s/k3s"] == (sha(K3S), f"{server.url}/mirror/v1.2.3-k3s1/sums.txt")
    assert lock(path, "--mirror", "mars") == 2
    assert "has no mirror mars; it has cn" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({f"{RELEASE}/sums.txt": b"<html>" + b"0" * 64}, "does not name k3s"),
        ({f"{RELEASE}/sums.txt": b"\xff\xfe"}, "does not name k3s"),
        ({f"{RELEASE}/sums.txt": None}, "answers 404"),
        ({"/tool.tgz": None}, "answers 404"),
    ],
)
def test_what_cannot_be_resolved(
    server: Files,
    path: Path,
    capsys: pytest.CaptureFixture[str],
    change: dict[str, bytes | None],
    sentence: str,
) -> None:
    for where, content in change.items():
        if content is None:
            del server.content[where]
        else:
            server.content[where] = content
    assert lock(path) == 1
    assert sentence in capsys.readouterr().err
    assert not path.with_suffix(".lock.yaml").exists()


def test_offline(
    tmp_path: Path, server: Files, path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path.write_text(path.read_text().replace(server.url, "http://127.0.0.1:9"))
    file = path.with_suffix(".lock.yaml")
    file.write_text("# as it was\n{}\n")
    assert lock(path) == 1
    said = [line for line in capsys.readouterr().err.splitlines() if line.startswith("whisklab:")]
    assert len(said) == 1
    assert "cannot be read" in said[0]
    assert file.read_text() == "# as it was\n{}\n"


@pytest.mark.parametrize(
    ("day", "told"),
    [
        (date(2027, 2, 1), ""),
        (date(2027, 5, 28), ""),
        (date(2027, 5, 29), "from 2027-06-28 on"),
        (date(2027, 6, 27), "from 2027-06-28 on"),
        (date(2027, 6, 28), "since 2027-06-28"),
        (date(2028, 1, 1), "since 2027-06-28"),
    ],
)
def test_a_version_whose_life_is_over_is_told(tmp_path: Path, day: date, told: str) -> None:
    path = tmp_path / "catalogue.yaml"
    path.write_text(
        "a: {default: v1.2.3, ends: {v1.2: 2027-06-28, v1.3: 2029-01-01}, versions: {v1.2.3: {}}}\n"
        "b: {default: v1, versions: {v1: {}}}\n"
    )
    sentence = f"a v1.2.3: upstream mends nothing in it {told}: enter a newer one into {path}"
    assert Catalogue(path).ending(day) == ([sentence] if told else [])


def test_the_verb_tells_of_a_version_whose_life_is_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "catalogue.yaml"
    path.write_text("a: {default: v1, ends: {v1: 2020-01-01}, versions: {v1: {}}}\n")
    assert run(["lock", str(path)]) == 0
    assert "a v1: upstream mends nothing in it since 2020-01-01" in capsys.readouterr().err


def test_no_catalogue(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lock(tmp_path / "nothing.yaml") == 2
    assert "nothing.yaml: is no catalogue" in capsys.readouterr().err


def test_the_list() -> None:
    text = f"{'a' * 64}  k3s\r\n{'b' * 64} *k3s-arm64\n# words\n{'c' * 63}  short\n\n"
    assert parse_sums(text) == {"k3s": "a" * 64, "k3s-arm64": "b" * 64}
