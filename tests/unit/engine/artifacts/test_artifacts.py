"""Artifacts: fetched once, checked, never half there."""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from tests.unit.engine.http_server import Files, serving
from whisklab.engine.artifacts.catalogue import Catalogue
from whisklab.engine.artifacts.entries import Artifact, Source
from whisklab.engine.artifacts.fetching import fetch, member
from whisklab.errors import BadInput, WhisklabError

BODY = b"k3s" * 100_000
SHA = hashlib.sha256(BODY).hexdigest()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Files]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    with serving(Files({"/whole": BODY})) as files:
        yield files


def artifact(url: str, sha256: str = SHA) -> Artifact:
    return Artifact(product="k3s", version="v1.2.3+k3s1", source=Source(url=url, sha256=sha256))


def files_below(directory: Path) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file()]


def test_fetched_once(server: Files) -> None:
    first = fetch(artifact(f"{server.url}/whole"))
    assert first.read_bytes() == BODY
    assert fetch(artifact(f"{server.url}/whole")) == first
    assert server.requests == [("/whole", None)]


@pytest.mark.parametrize(
    ("path", "sha256", "sentence"),
    [("/missing", SHA, "answers 404"), ("/whole", "0" * 64, "the catalogue says 0000")],
)
def test_nothing_left(server: Files, tmp_path: Path, path: str, sha256: str, sentence: str) -> None:
    with pytest.raises(WhisklabError, match=sentence):
        fetch(artifact(server.url + path, sha256))
    assert files_below(tmp_path / "cache") == []


def test_a_truncated_one_is_continued(server: Files, tmp_path: Path) -> None:
    server.cut = 1000
    with pytest.raises(WhisklabError, match="broke off after 1000 bytes"):
        fetch(artifact(f"{server.url}/whole"))
    assert {path.name for path in files_below(tmp_path)} == {"whole.part", "whole.part.from"}
    server.cut = None
    assert fetch(artifact(f"{server.url}/whole")).read_bytes() == BODY
    assert files_below(tmp_path) == [fetch(artifact(f"{server.url}/whole"))]


def test_an_unwritable_cache(server: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/proc/cache")
    with pytest.raises(WhisklabError, match=r"/proc/cache/whisklab/artifacts.*cannot be written"):
        fetch(artifact(f"{server.url}/whole"))


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


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Artifact:
    """A program in an archive, as Helm is released."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    file = tmp_path / "helm.tar.gz"
    with tarfile.open(file, "w:gz") as packed:
        entry = tarfile.TarInfo("linux-amd64/helm")
        entry.size = len(BODY)
        packed.addfile(entry, io.BytesIO(BODY))
        packed.addfile(tarfile.TarInfo("linux-amd64/README"))
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    source = Source(url=file.as_uri(), sha256=sha256)
    return Artifact(product="helm", version="v3", source=source, member="linux-amd64/helm")


def test_a_member_is_taken_from_its_archive(archive: Artifact) -> None:
    assert str(archive) == "helm v3"
    found = member(archive)
    assert found.read_bytes() == BODY
    before = found.stat()
    assert member(archive).stat() == before


@pytest.mark.parametrize("name", ["linux-arm64/helm", "linux-amd64"])
def test_a_member_that_is_not_there(archive: Artifact, tmp_path: Path, name: str) -> None:
    with pytest.raises(WhisklabError, match=f"has no file {name}.*mend `member` of helm"):
        member(archive.model_copy(update={"member": name}))
    assert files_below(tmp_path / "cache") == []


def test_an_archive_that_is_none(archive: Artifact, tmp_path: Path) -> None:
    file = tmp_path / "broken.tar.gz"
    file.write_bytes(BODY)
    source = Source(url=file.as_uri(), sha256=SHA)
    with pytest.raises(WhisklabError, match=r"broken\.tar\.gz: has no file"):
        member(archive.model_copy(update={"source": source}))


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
    found = Catalogue(Path(__file__).parents[4] / "files/catalogue.yaml")
    for architecture in ("amd64", "arm64"):
        for name in ("k3s", "airgap-images"):
            assert found.artifact("k3s", None, name, architecture)
    named = dict(found.entries())
    assert {entry.sums for key, entry in named.items() if key.product == "k3s"} == {
        "sha256sum-amd64.txt", "sha256sum-arm64.txt"}  # fmt: skip
    assert all(key in named for key in found.lock)
    for key in named.keys() - found.lock.keys():
        with pytest.raises(BadInput, match=re.escape(f"no checksum of {key}: run `whi")):
            found.artifact(key.product, key.version, key.name, key.architecture)


def test_of_what_has_a_published_checksum_the_repository_has_it() -> None:
    """What lacks is found out at the first run: wsk publishes none, the others have a list."""
    found = Catalogue(Path(__file__).parents[4] / "files/catalogue.yaml")
    lacking = {key: entry for key, entry in found.entries() if key not in found.lock}
    assert {key.product for key, entry in lacking.items() if entry.sums is None} == {"wsk"}
    assert {(key.product, key.version) for key, entry in lacking.items() if entry.sums} == {
        ("registry", "v3.1.2"), ("k3s", "v1.35.4+k3s1")}  # fmt: skip


def test_when_upstream_ends() -> None:
    found = Catalogue(Path(__file__).parents[4] / "files/catalogue.yaml")
    assert found.ends("k3s", "v1.34.3+k3s1") == date(2026, 10, 27)
    assert all(found.ends("k3s", version) for version in found.versions("k3s"))
    for product, version in (("k3s", "v1.3.4+k3s1"), ("k3s", "v1.340.1+k3s1"), ("helm", "v3.19.5"),
                             ("none", "v1.34.3")):  # fmt: skip
        assert found.ends(product, version) is None


TWO = """
k3s:
  default: v1
  versions:
    v1:
      k3s: {amd64: {url: "https://x.test/k3s", mirrors: {cn: "https://y.test/k3s"}}}
"""


def test_the_lock_and_the_mirror(tmp_path: Path) -> None:
    found = catalogue(tmp_path, TWO)
    with pytest.raises(BadInput, match=r"has no checksum of k3s v1 k3s amd64: run `whisklab lock`"):
        found.artifact("k3s", None, "k3s", "amd64")
    lock = tmp_path / "catalogue.lock.yaml"
    lock.write_text(f"k3s: {{v1: {{k3s: {{amd64: {{sha256: {SHA}, from: somebody}}}}}}}}")
    here = Catalogue(found.path).artifact("k3s", None, "k3s", "amd64").source
    assert here == Source(url="https://x.test/k3s", sha256=SHA)
    there = Catalogue(found.path, "cn").artifact("k3s", None, "k3s", "amd64").source
    assert there == Source(url="https://y.test/k3s", sha256=SHA)
    other = Catalogue(found.path, "elsewhere").artifact("k3s", None, "k3s", "amd64").source
    assert other == here


@pytest.mark.parametrize(
    "text", ["[", "a", "k3s: 1", "k3s: {v1: {k3s: {amd64: {sha256: abc, from: x}}}}"]
)
def test_a_broken_lock(tmp_path: Path, text: str) -> None:
    (tmp_path / "catalogue.lock.yaml").write_text(text)
    with pytest.raises(BadInput, match=r"catalogue\.lock\.yaml: "):
        catalogue(tmp_path, TWO)
