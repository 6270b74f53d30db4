"""Packages of the operating system in a bundle: locked once, the same bytes, named when gone."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from tests.contract.bundle.carrying import Builder
from tests.contract.bundle.changing import (
    Data,
    changed,
    contents,
    manifest_of,
    problems,
    quiet,
    without,
)
from tests.contract.bundle.debs import DebArchive, Signer
from tests.contract.bundle.upstream import Upstream
from whisklab.bundle import comparing, filling, tar, verifying, volume
from whisklab.bundle.contents import Contents
from whisklab.bundle.filling import Filled
from whisklab.bundle.image_lock import ImageLock
from whisklab.bundle.manifest import Manifest
from whisklab.bundle.older import Older
from whisklab.bundle.packages import Wanted
from whisklab.engine.artifacts.fetching import fetch, fetched_already
from whisklab.engine.debian.lock import PackageLock
from whisklab.errors import BadInput, WhisklabError

SYSTEM = "debian-12"
WANTED = [Wanted(SYSTEM, "amd64", {"nfs": "nfs", "curl": "base_packages"})]


@pytest.fixture
def builder(tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> Builder:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "outside"))
    monkeypatch.setattr("whisklab.bundle.asking._PAUSE", 0.0)
    made = Builder(tmp_path, upstream)
    made.offer({})
    return made


@pytest.fixture
def archive(builder: Builder, tmp_path: Path) -> DebArchive:
    """What two packages depend on, and some that nobody wants."""
    found = DebArchive(builder.upstream, tmp_path / "debs")
    found.add("nfs", "1:2.0+b~1", Depends="lib (= 1:2.0+b~1), rpc | portmap", Pre_Depends="init")
    found.add("lib", "1:2.0+b~1")
    found.add("portmap", "6", Depends="libstdc++6 (>= 5)")
    found.add("libstdc++6", "5.1", Architecture="amd64")
    found.add("sysv", "3", Provides="init")
    found.add("curl", "7", Depends="lib (>= 1:1)", Recommends="unwanted")
    found.add("unwanted", "1")
    found.publish()
    builder.archives = {SYSTEM: [found.line()]}
    return found


NAMES = ["curl", "lib", "libstdc++6", "nfs", "portmap", "sysv"]


def build(builder: Builder, name: str = "one", since: Path | None = None) -> Path:
    return builder.build(name, [], packages=WANTED, since=since)


def lock(builder: Builder) -> PackageLock:
    return PackageLock(builder.directory / "catalogue.yaml")


def refused(builder: Builder, kind: type[WhisklabError] = WhisklabError) -> str:
    with pytest.raises(kind) as raised:
        build(builder, "refused")
    assert not list(builder.directory.glob("refused.bundle*"))
    return str(raised.value)


@pytest.mark.usefixtures("archive")
def test_what_is_needed_with_all_it_depends_on_and_nothing_else(builder: Builder) -> None:
    bundle = build(builder)
    manifest = builder.manifest(bundle)
    assert [each.name for each in manifest.items] == [f"{SYSTEM}/{name}" for name in NAMES]
    assert manifest.systems == [SYSTEM]
    nfs = next(each for each in manifest.items if each.name.endswith("/nfs"))
    assert (nfs.kind, nfs.version, nfs.architectures, nfs.licence, nfs.file) == (
        "package", "1:2.0+b~1", ["amd64"], "unknown", "nfs_2.0+b~1_all.deb",
    )  # fmt: skip
    assert nfs.source.endswith("/debian/pool/main/n/nfs_2.0%2Bb~1_all.deb")
    assert str(nfs) == "package debian-12/nfs 1:2.0+b~1"
    sbom = comparing.sbom(manifest, manifest.items, datetime.now(UTC))
    located = [each["externalRefs"][0]["referenceLocator"] for each in sbom["packages"]]
    assert located[2:4] == [
        "pkg:deb/debian/libstdc%2B%2B6@5.1?arch=amd64&distro=debian-12",
        "pkg:deb/debian/nfs@1%3A2.0%2Bb~1?arch=all&distro=debian-12",
    ]
    assert len({each["SPDXID"] for each in sbom["packages"]}) == len(NAMES)


def test_the_same_lock_gives_the_same_bytes_and_nobody_is_asked_for_it(
    builder: Builder, archive: DebArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = build(builder).read_bytes()
    text = lock(builder).path.read_text()
    for name, version in (("curl", "8"), ("unwanted", "2")):
        archive.add(name, version)
    archive.publish()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "another"))
    asked = len(builder.upstream.requests)
    assert build(builder, "two").read_bytes() == first
    assert [path for path, _ in builder.upstream.requests[asked:] if "/dists/" in path] == []
    assert lock(builder).path.read_text() == text
    known = len(builder.upstream.requests)
    assert build(builder, "three").read_bytes() == first
    assert builder.upstream.requests[known:] == []


@pytest.mark.parametrize("gone", ["curl", "nfs"])
def test_one_that_is_removed_from_the_lock_is_asked_for_alone(
    builder: Builder, archive: DebArchive, gone: str
) -> None:
    build(builder)
    archive.add("portmap", "7")
    archive.add("curl", "8", Depends="lib")
    archive.add("nfs", "1:2.1", Depends="lib (= 1:2.0+b~1), portmap")
    archive.publish()
    path = lock(builder).path
    tree = yaml.safe_load(path.read_text())
    del tree[SYSTEM]["amd64"][gone]
    path.write_text(yaml.safe_dump(tree))
    before = {each.name: each.version for each in manifest_of(build(builder)).items}
    assert before[f"{SYSTEM}/portmap"] == "6"
    assert (before[f"{SYSTEM}/curl"] == "8") is (gone == "curl")
    assert (before[f"{SYSTEM}/nfs"] == "1:2.1") is (gone == "nfs")


def test_one_that_fits_no_longer_what_is_locked_says_what_to_remove_too(
    builder: Builder, archive: DebArchive
) -> None:
    build(builder)
    archive.add("lib", "1:3")
    archive.add("nfs", "1:3", Depends="lib (= 1:3)")
    archive.publish()
    path = lock(builder).path
    tree = yaml.safe_load(path.read_text())
    del tree[SYSTEM]["amd64"]["nfs"]
    path.write_text(yaml.safe_dump(tree))
    assert refused(builder) == (
        f"package for debian-12 amd64: nfs -> nfs 1:3 wants lib (= 1:3), and {path} has lib "
        f"1:2.0+b~1: remove lib below debian-12, amd64 there, and it is asked for again"
    )


def test_all_that_have_left_the_archive_are_named_with_what_replaced_them(
    builder: Builder, archive: DebArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = build(builder)
    archive.remove("curl")
    archive.remove("sysv")
    archive.add("curl", "8")
    archive.publish()
    assert build(builder, "cached").read_bytes() == old.read_bytes()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "empty"))
    said = refused(builder).splitlines()
    gone = "(debian-12 amd64): its archives do not have it any more"
    assert [each.partition(": remove ")[0] for each in said] == [
        f"package curl 7 {gone}, 8 has replaced it",
        f"package sysv 3 {gone}, nothing has replaced it",
    ]
    path = lock(builder).path
    assert said[0].partition(": remove ")[2].startswith(f"curl below debian-12, amd64 in {path}")
    # An archive that has them still, or an earlier bundle, gives the same bytes.
    snapshot = DebArchive(builder.upstream, tmp_path / "snapshot", place="/snapshot")
    snapshot.add("curl", "7", Depends="lib (>= 1:1)", Recommends="unwanted")
    snapshot.add("sysv", "3", Provides="init")
    snapshot.publish()
    builder.archives[SYSTEM].append(snapshot.line())
    assert build(builder, "again").read_bytes() == old.read_bytes()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "emptier"))
    builder.upstream.files.clear()
    with volume.opened(old) as found:
        source = builder.packages(Older([found]))
        assert len(source.fetched(source.resolved(WANTED))) == len(NAMES)


@pytest.mark.parametrize(
    ("field", "relation", "have"),
    [
        ("Depends", "lib (>= 1:3)", "lib 1:2.0+b~1"),
        ("Depends", "nowhere | nobody", "none"),
        ("Pre_Depends", "x", "none"),
    ],
)
def test_what_cannot_be_satisfied_is_named_with_its_chain(
    builder: Builder, archive: DebArchive, field: str, relation: str, have: str
) -> None:
    archive.add("nfs", "1:9", **{field: relation})
    archive.publish()
    assert refused(builder) == (
        f"package for debian-12 amd64: nfs -> nfs 1:9 wants {relation}, and its archives have "
        f"{have}: name one that has it (bundle_packages)"
    )
    assert not lock(builder).path.exists()


@pytest.mark.parametrize("ending", ["", ".gz", ".xz"])
def test_each_form_of_an_index(builder: Builder, archive: DebArchive, ending: str) -> None:
    archive.publish(endings=[ending])
    assert len(manifest_of(build(builder)).items) == len(NAMES)
    index = f"/debian/dists/stable/main/binary-amd64/Packages{ending}"
    (builder.directory / "catalogue.packages.lock.yaml").unlink()
    data = bytearray(builder.upstream.files[index])
    data[len(data) // 2] ^= 1
    builder.upstream.files[index] = bytes(data)
    for cached in (builder.directory / "outside").rglob("Packages*"):
        cached.unlink()
    assert "has other bytes than its archive has signed" in refused(builder)


def test_a_flat_archive_that_nobody_signs(builder: Builder, archive: DebArchive) -> None:
    """As dpkg-scanpackages makes it."""
    index = "\n".join(archive.stanzas.values())
    builder.upstream.files["/debian/Packages"] = index.encode()
    builder.archives = {SYSTEM: [f"deb [trusted=yes] {archive.url} ./"]}
    assert len(manifest_of(build(builder)).items) == len(NAMES)


def test_an_index_by_its_hash(builder: Builder, archive: DebArchive) -> None:
    """It is right also where the one at its usual place was just replaced."""
    archive.publish(more="Acquire-By-Hash: yes")
    base = "/debian/dists/stable/main/binary-amd64"
    data = builder.upstream.files.pop(f"{base}/Packages.xz")
    builder.upstream.files[f"{base}/by-hash/SHA256/{hashlib.sha256(data).hexdigest()}"] = data
    for name in ("Packages", "Packages.gz"):
        builder.upstream.files[f"{base}/{name}"] = b"new"
    assert len(manifest_of(build(builder)).items) == len(NAMES)


def test_an_archive_that_has_expired(builder: Builder, archive: DebArchive) -> None:
    yesterday = datetime.now(UTC) - timedelta(days=1)
    archive.publish(more=f"Valid-Until: {yesterday:%a, %d %b %Y %H:%M:%S} UTC")
    assert f"was valid until {yesterday:%Y-%m-%d}" in refused(builder)
    builder.archives = {SYSTEM: [archive.line("trusted=yes check-valid-until=no")]}
    build(builder)


def damaged(archive: DebArchive, path: str) -> None:
    data = bytearray(archive.upstream.files[path])
    data[-9] ^= 1
    archive.upstream.files[path] = bytes(data)


def test_a_file_with_other_bytes(builder: Builder, archive: DebArchive) -> None:
    damaged(archive, "/debian/pool/main/c/curl_7_all.deb")
    said = refused(builder)
    assert said.startswith("package curl 7 (debian-12 amd64): ")
    assert "has other bytes than" in said
    assert str(lock(builder).path) in said


@pytest.mark.parametrize("field", ["Filename", "Size", "SHA256", "Version"])
def test_an_index_that_lacks_a_field(builder: Builder, archive: DebArchive, field: str) -> None:
    (path,) = [each for each in archive.stanzas if "/curl_" in each]
    lines = archive.stanzas[path].splitlines(keepends=True)
    archive.stanzas[path] = "".join(each for each in lines if not each.startswith(f"{field}:"))
    archive.publish()
    assert refused(builder).startswith("package curl: the index of http://127.0.0.1:")


def test_who_has_no_archive(builder: Builder, archive: DebArchive) -> None:
    source = builder.packages(Older([]))
    source.require([SYSTEM])
    for each in ("debian-1", "debian-13", "ubuntu-24.04"):
        with pytest.raises(BadInput, match=f"--system: {each}: nobody says where its packages"):
            source.require([SYSTEM, each])
    builder.archives = {SYSTEM: [archive.line("arch=arm64 trusted=yes")]}
    assert "none of its archives is for amd64" in refused(builder, BadInput)
    builder.archives = {SYSTEM: [archive.line().replace("stable", "gone")]}
    assert "has no main/binary-amd64/Packages" in refused(builder)
    builder.upstream.faults = lambda _: (403, {}, b"")
    assert "answers 403" in refused(builder)


# Who signs it.


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Signer]:
    made = Signer(tmp_path_factory.mktemp("gpg") / "home")
    yield made
    made.end()


@pytest.mark.parametrize("form", ["keyring", "armoured"])
def test_a_signed_archive(builder: Builder, archive: DebArchive, signer: Signer, form: str) -> None:
    archive.publish(sign=signer.sign)
    builder.archives = {SYSTEM: [archive.line(f"signed-by={getattr(signer, form)}")]}
    assert len(manifest_of(build(builder)).items) == len(NAMES)


def other_text(data: bytes) -> bytes:
    return data.replace(b"Suite: stable", b"Suite: stolen")


def unsigned(data: bytes) -> bytes:
    return data.partition(b"\n\n")[2].partition(b"-----BEGIN")[0]


@pytest.mark.parametrize("change", [other_text, unsigned])
def test_what_was_changed_after_it_was_signed(
    builder: Builder, archive: DebArchive, signer: Signer, change: Callable[[bytes], bytes]
) -> None:
    archive.publish(sign=lambda data: change(signer.sign(data)))
    builder.archives = {SYSTEM: [archive.line(f"signed-by={signer.keyring}")]}
    assert f"none of the keys in {signer.keyring} has signed it" in refused(builder)


def test_what_stands_around_the_signed_part_is_not_read(
    builder: Builder, archive: DebArchive, signer: Signer
) -> None:
    archive.publish(sign=lambda data: signer.sign(data) + b"SHA256:\n x\n")
    builder.archives = {SYSTEM: [archive.line(f"signed-by={signer.keyring}")]}
    build(builder)


def test_who_is_not_trusted_and_what_lacks_for_it(
    builder: Builder, archive: DebArchive, signer: Signer, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    archive.publish(sign=signer.sign)
    stranger = Signer(tmp_path / "stranger", "stranger")
    stranger.end()
    builder.archives = {SYSTEM: [archive.line(f"signed-by={stranger.keyring}")]}
    assert "has signed it" in refused(builder)
    builder.archives = {SYSTEM: [archive.line(f"signed-by={tmp_path}/none.gpg")]}
    assert f"the keyring {tmp_path}/none.gpg cannot be read" in refused(builder, BadInput)
    builder.archives = {SYSTEM: [archive.line(f"signed-by={signer.keyring}")]}
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "the program gpgv, which is not on this laptop" in refused(builder, BadInput)


# What verify finds, and what a laptop inside gets.


@pytest.mark.usefixtures("archive")
def test_each_package_left_out_is_named(builder: Builder) -> None:
    bundle = build(builder)
    right = manifest_of(bundle)
    wanted = Contents([], [], [], [], WANTED)
    images = ImageLock(builder.directory / "catalogue.yaml")

    def unmet(manifest: Manifest) -> list[str]:
        return verifying.unmet(manifest, wanted, images, lock(builder))

    assert unmet(right) == problems(bundle, builder.store) == []
    for index, item in enumerate(right.items):

        def change(data: Data, files: dict[str, bytes], index: int = index) -> None:
            without(data, files, index, need=False)

        (said,) = problems(changed(bundle, builder.store, change), builder.store)
        assert (str(item) in said, "the bundle has it not" in said) == (True, True)
        files = contents(bundle)
        data = right.model_dump(mode="json")
        without(data, files, index, need=True)
        (said,) = unmet(Manifest.model_validate(data))
        assert (str(item) in said, "the environment needs it for amd64" in said) == (True, True)
        fewer = yaml.safe_load(lock(builder).path.read_text())
        kept = lock(builder).path.read_text()
        del fewer[SYSTEM]["amd64"][item.name.partition("/")[2]]
        lock(builder).path.write_text(yaml.safe_dump(fewer))
        assert "has it not: it is older than the settings" in unmet(right)[0]
        lock(builder).path.write_text(kept)
    other = lock(builder).path.read_text().replace(right.items[0].sha256, "f" * 64)
    lock(builder).path.write_text(other)
    (said,) = unmet(right)
    assert said.startswith("package debian-12/curl 7: has the SHA-256 ")


@pytest.mark.usefixtures("archive")
def test_a_laptop_inside_has_each_file_where_a_deploy_looks(
    builder: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundle = build(builder)
    manifest = builder.manifest(bundle)
    delta = build(builder, "delta", since=bundle)
    assert manifest_of(delta).present == []
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "inside"))
    builder.upstream.faults = lambda _: (503, {}, b"")
    with volume.opened(delta) as found, pytest.raises(WhisklabError, match="upload that one first"):
        filling.fill(found, manifest_of(delta), quiet)
    with volume.opened(bundle) as found:
        size = sum(each.size for each in manifest.items)
        assert filling.fill(found, manifest, quiet) == Filled(len(NAMES), len(NAMES), size)
    for package in lock(builder).pool(SYSTEM, "amd64").packages.values():
        assert fetched_already(package.artifact)
        assert fetch(package.artifact, quiet).stat().st_size == package.size


@pytest.mark.usefixtures("archive")
def test_a_manifest_of_before_is_read_and_stays_as_it_is(builder: Builder) -> None:
    """Format 1 knew no packages; an older whisklab refuses format 2 by the number."""
    text = manifest_of(build(builder)).model_dump(mode="json")
    assert text["format"] == 2
    old = {**text, "format": 1, "needs": [], "items": [], "blobs": []}
    del old["systems"]
    found = Manifest.model_validate(old)
    assert found.systems == []
    assert b"systems" not in found.text()
    assert b'"systems"' in manifest_of(build(builder, "new")).text()
    assert tar.MANIFEST in contents(build(builder, "newer"))


def test_the_newest_of_several_archives(builder: Builder, archive: DebArchive) -> None:
    later = DebArchive(builder.upstream, builder.directory / "later", place="/security")
    later.add("curl", "7.1")
    later.add("lib", "1:1")
    later.publish()
    builder.archives[SYSTEM].append(later.line())
    found = {each.name: each for each in manifest_of(build(builder)).items}
    assert found[f"{SYSTEM}/curl"].version == "7.1"
    assert "/security/" in found[f"{SYSTEM}/curl"].source
    assert found[f"{SYSTEM}/lib"].version == "1:2.0+b~1"
