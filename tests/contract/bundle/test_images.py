"""Images from registries on loopback: which of them, for which platforms, and what upstreams do."""

from __future__ import annotations

import gzip
import json
import threading
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from urllib.parse import urlsplit

import pytest

from tests.contract.bundle.changing import quiet
from tests.contract.bundle.upstream import Upstream
from tests.contract.registry import making
from whisklab.bundle import pulling
from whisklab.bundle import upstream as upstreams
from whisklab.bundle.accounts import Account
from whisklab.bundle.image_lock import ImageLock
from whisklab.bundle.names import parse
from whisklab.bundle.pulling import Pulled, Wanted
from whisklab.errors import WhisklabError
from whisklab.images.login import basic
from whisklab.images.manifests import Index

HOST = "upstream.example"
BOTH = ("amd64", "arm64")


@pytest.fixture(autouse=True)
def _cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def pulled(
    upstream: Upstream, tmp_path: Path, *names: str, architectures: tuple[str, ...] = BOTH,
    accounts: Mapping[str, Account] = MappingProxyType({}),
) -> list[Pulled]:  # fmt: skip
    """Images with all their blobs in the cache."""
    mirrors = {HOST: upstream.url, "docker.io": upstream.url}
    source = upstreams.Upstream(mirrors, quiet, accounts=accounts)
    tmp_path.mkdir(exist_ok=True)
    wanted = [Wanted(parse(each, "test"), architectures, ("the test",)) for each in names]
    found = pulling.resolved(wanted, source, ImageLock(tmp_path / "catalogue.yaml"))
    pulling.fetched(found, source)
    return found


def refused(
    upstream: Upstream, tmp_path: Path, *names: str, architectures: tuple[str, ...] = BOTH,
    accounts: Mapping[str, Account] = MappingProxyType({}),
) -> str:  # fmt: skip
    with pytest.raises(WhisklabError) as caught:
        pulled(upstream, tmp_path, *names, architectures=architectures, accounts=accounts)
    return str(caught.value)


def test_a_tag_has_the_wanted_platforms_under_an_index_of_its_own(
    upstream: Upstream, tmp_path: Path
) -> None:
    index = upstream.add("tool", "1", seed=3)
    (both,) = pulled(upstream, tmp_path, f"{HOST}/tool:1")
    assert both.source.data == index
    assert isinstance(both.top, Index)
    assert [each.architecture for each in both.top.entries] == list(BOTH)
    assert "linux/s390x, 3 attestations left out" in both.notes[0]
    assert both.top.digest in both.notes[0]
    (again,) = pulled(upstream, tmp_path / "x", f"{HOST}/tool:1")
    assert again.top.data == both.top.data
    (one,) = pulled(upstream, tmp_path / "y", f"{HOST}/tool:1", architectures=("arm64",))
    assert not isinstance(one.top, Index)
    assert one.top.digest == both.top.entries[1].digest


def test_an_index_that_is_named_by_its_digest_is_whole(upstream: Upstream, tmp_path: Path) -> None:
    """Pods ask for that digest; without a child, a registry would not take it."""
    index = upstream.add("tool", "1", seed=3)
    name = f"{HOST}/tool:1@{making.digest(index)}"
    (found,) = pulled(upstream, tmp_path, name)
    assert found.top.data == index
    assert len(found.manifests) == len(json.loads(index)["manifests"])
    assert "linux/s390x, 3 attestations too" in found.notes[0]


def test_an_index_that_fits_is_left_as_it_is(upstream: Upstream, tmp_path: Path) -> None:
    children = [making.image([making.layer(each, 500)], BOTH[each]) for each in (0, 1)]
    for each in children:
        upstream.put("tool", "", each)
    index = json.dumps({"schemaVersion": 2, "mediaType": making.INDEX,
                        "manifests": [each.entry() for each in children]}).encode()  # fmt: skip
    upstream.manifests["tool", "1"] = index
    (found,) = pulled(upstream, tmp_path, f"{HOST}/tool:1")
    assert (found.top.data, found.notes) == (index, ())


def test_bytes_are_copied_whatever_they_are(upstream: Upstream, tmp_path: Path) -> None:
    """Layers of two levels of gzip, none, and one with trailing bytes keep their digests."""
    plain = making.layer(1, 20_000)
    layers = [gzip.compress(plain, 1), gzip.compress(plain, 9), plain, gzip.compress(plain) + b"x"]
    made = making.image(layers)
    upstream.put("odd", "1", made)
    (found,) = pulled(upstream, tmp_path, f"{HOST}/odd:1", architectures=("amd64",))
    assert [each.digest for each in found.blobs[1:]] == [making.digest(each) for each in layers]
    for each in found.blobs:
        path = tmp_path / "cache/whisklab/artifacts" / each.digest.removeprefix("sha256:") / "blob"
        assert path.read_bytes() == made.blobs[each.digest]


def test_all_that_upstream_lacks_is_named_at_once(upstream: Upstream, tmp_path: Path) -> None:
    upstream.has = lambda repository, _: repository == "there"
    upstream.put("old", "1", making.image([b"x"], "amd64"))
    gone = f"{HOST}/gone@sha256:{'1' * 64}"
    said = refused(
        upstream, tmp_path, f"{HOST}/there:1", f"{HOST}/deleted:1", "busybox", gone, f"{HOST}/old:1"
    )
    lines = said.splitlines()
    assert [line.partition(": ")[0] for line in lines] == [
        f"{HOST}/deleted:1", "docker.io/library/busybox:latest", gone, f"{HOST}/old:1",
    ]  # fmt: skip
    assert all("answers 404" in line for line in lines[:3])
    assert "upstream has it not for arm64" in lines[3]
    assert all(line.endswith("(named by the test)") for line in lines)


@pytest.mark.parametrize("case", ["child", "layer", "old", "foreign", "nested", "other bytes"])
def test_what_no_registry_or_containerd_would_take(
    upstream: Upstream, tmp_path: Path, case: str
) -> None:
    child = making.image([making.layer(1, 500)], "amd64")
    name = f"{HOST}/bad:1"
    entry, manifest = child.entry(), json.loads(child.manifest)
    if case == "child":
        entry["size"] = 528
        wanted = f"has {len(child.manifest)} bytes, and its index says 528"
    elif case == "layer":
        manifest["layers"][0]["size"] += 1
        wanted = "and its manifest says"
    elif case == "old":
        manifest = {"schemaVersion": 1, "name": "bad", "fsLayers": []}
        wanted = "is of the oldest format"
    elif case == "foreign":
        manifest["layers"][0]["mediaType"] = (
            "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
        )
        wanted = "may not be passed on"
    elif case == "nested":
        manifest = {"schemaVersion": 2, "manifests": [child.entry()]}
        wanted = "is an index within an index"
    else:
        wanted = "sends sha256:"
    data = child.manifest if case in ("child", "other bytes") else json.dumps(manifest).encode()
    if case != "child":
        entry |= {"digest": making.digest(data), "size": len(data)}
    upstream.blobs |= child.blobs
    served = data + b" " if case == "other bytes" else data
    upstream.manifests["bad", entry["digest"]] = served
    index = {"schemaVersion": 2, "mediaType": making.INDEX, "manifests": [entry]}
    upstream.manifests["bad", "1"] = json.dumps(index).encode()
    if case == "old":
        upstream.manifests["bad", "1"] = data
    said = refused(upstream, tmp_path, name, architectures=("amd64",))
    assert wanted in said
    assert name in said


def test_tokens_and_counted_requests(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A registry with tokens that says 429 after each third request: each manifest comes once."""
    upstream.token = True
    told = threading.Lock()
    count, waited = Counter[str](), list[float]()
    monkeypatch.setattr("whisklab.bundle.asking.time.sleep", waited.append)

    def faults(path: str) -> tuple[int, dict[str, str], bytes] | None:
        with told:
            count["all"] += 1
            if path.startswith("/v2/t") and count["all"] % 3 == 0:
                return 429, {"Retry-After": "5"}, b"{}"
            if path.startswith("/v2/t"):
                count[path] += 1
            return None

    upstream.faults = faults
    names = [f"{HOST}/t{number}:1" for number in range(4)]
    assert len(pulled(upstream, tmp_path, *names)) == 4
    assert set(waited) == {5.0}
    assert max(each for path, each in count.items() if path != "all") == 1
    known = len(upstream.requests)
    pulled(upstream, tmp_path, *names)
    assert len(upstream.requests) == known  # all of it from the cache and the lock


def test_a_line_that_is_cut_goes_on(
    upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whisklab.bundle.asking.time.sleep", lambda _: None)
    upstream.put("cut", "1", making.image([making.layer(1, 100_000)]))
    upstream.cut_after = 40_000
    pulled(upstream, tmp_path, f"{HOST}/cut:1", architectures=("amd64",))
    ranges = [part for path, part in upstream.requests if "/blobs/" in path and part]
    assert ranges == ["bytes=40000-", "bytes=80000-"]


def test_a_registry_that_wants_an_account(upstream: Upstream, tmp_path: Path) -> None:
    upstream.login = LOGIN
    said = refused(upstream, tmp_path, f"{HOST}/tool:1")
    assert "wants an account: name it in bundle_accounts" in said
    assert upstream.logins == set()


LAB = Account("lab", "a password", ".secrets/lab/upstream_it")
LOGIN = basic(LAB)["Authorization"]
OTHERS = {HOST: LAB, "docker.io": LAB, "other.example": LAB}


@pytest.mark.parametrize("token", [True, False])
def test_an_account_reads(upstream: Upstream, tmp_path: Path, *, token: bool) -> None:
    upstream.login, upstream.token = LOGIN, token
    mine = {urlsplit(upstream.url).netloc: LAB}
    assert len(pulled(upstream, tmp_path, f"{HOST}/tool:1", "tool:2", accounts=mine)) == 2
    paths = {path for path, _ in upstream.logins}
    assert paths == {"/token"} if token else all("/v2/" in path for path in paths)
    assert {login for _, login in upstream.logins} == {LOGIN}


@pytest.mark.parametrize("token", [True, False])
def test_an_account_goes_to_its_own_registry_alone(
    upstream: Upstream, tmp_path: Path, *, token: bool
) -> None:
    """A mirror that is asked in a registry's place gets nothing of the account there."""
    upstream.login, upstream.token = LOGIN, token
    refused(upstream, tmp_path, f"{HOST}/tool:1", accounts=OTHERS)
    assert upstream.logins == set()


@pytest.mark.parametrize("token", [True, False])
def test_an_account_that_is_not_taken(upstream: Upstream, tmp_path: Path, *, token: bool) -> None:
    upstream.login, upstream.token = "Basic of somebody else", token
    mine = {urlsplit(upstream.url).netloc: LAB}
    said = refused(upstream, tmp_path, f"{HOST}/tool:1", accounts=mine)
    assert "does not take the account lab with the password in .secrets/lab/upstream_it" in said
    assert LAB.password not in said


@pytest.mark.parametrize(
    ("header", "place"),
    [
        ('Bearer realm="http://auth.example/token",service="x"', "http://auth.example/token"),
        ('Bearer realm="ftp://127.0.0.2/token"', "ftp://127.0.0.2/token"),
    ],
)
def test_a_password_goes_through_no_open_line(
    upstream: Upstream, tmp_path: Path, header: str, place: str
) -> None:
    upstream.faults = lambda _: (401, {"WWW-Authenticate": header}, b"{}")
    mine = {urlsplit(upstream.url).netloc: LAB}
    said = refused(upstream, tmp_path, f"{HOST}/tool:1", accounts=mine)
    assert f"{place} is reached without TLS and would show the password of lab" in said
    assert LAB.password not in said
    assert LAB.password not in repr(mine)


def test_nobody_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("whisklab.bundle.asking.time.sleep", lambda _: None)
    said = refused(Upstream(url="http://127.0.0.1:9"), tmp_path, f"{HOST}/tool:1")
    assert "does not answer" in said
    assert "run again with a network" in said
