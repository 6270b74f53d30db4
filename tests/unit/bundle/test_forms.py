"""The forms of a bundle: tar, manifest, key, lock, parts; and what differs between two. Pure."""

from __future__ import annotations

import io
import json
import tarfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from whisklab.bundle import comparing, keys, manifest, output, tar, volume
from whisklab.bundle.consistency import problems
from whisklab.bundle.image_lock import ImageLock
from whisklab.bundle.manifest import Blob, Document, Item, Manifest, Need
from whisklab.engine.data.secrets import SecretStore
from whisklab.errors import BadInput, WhisklabError

A, B = "a" * 64, "b" * 64


def item(name: str = "wsk/wsk", sha256: str = A, **more: object) -> Item:
    found = {
        "kind": "file", "name": name, "version": "1", "architectures": ["amd64"], "file": "wsk",
        "size": 3, "sha256": sha256, "source": "https://x.example/wsk", "licence": "unknown",
        "parts": [sha256],
    }  # fmt: skip
    return Item.model_validate(found | more)


def described(*items: Item, **more: object) -> Manifest:
    found: dict[str, object] = {
        "format": 1, "made_by": "whisklab 0", "environment": "lab", "architectures": ["amd64"],
        "needs": [Need(kind=each.kind, name=each.name, version=each.version,
                       architectures=each.architectures) for each in items],
        "items": list(items),
        "blobs": [Blob(sha256=each, size=3)
                  for each in sorted({part for one in items for part in one.parts})],
        "documents": [Document(name=each, sha256=A, size=2) for each in (tar.LAYOUT, tar.INDEX)],
    }  # fmt: skip
    return Manifest.model_validate(found | more)


def documents(name: str) -> bytes | None:
    empty = {"schemaVersion": 2, "manifests": []}
    return json.dumps(empty).encode() if name == tar.INDEX else None


@given(st.integers(0, 1 << 40), st.sampled_from(["manifest.json", tar.BLOBS + A]))
def test_a_header_is_read_back_and_is_tar(size: int, name: str) -> None:
    entry = tar.Entry(name, size)
    block = tar.header(entry)
    assert len(block) == tar.BLOCK  # none needs a header of its own for its size or name
    assert tar.parsed(block) == entry
    assert entry.span % tar.BLOCK == 0


@given(st.integers(0, tar.BLOCK * 8 - 1))
def test_each_bit_of_a_header_counts(bit: int) -> None:
    block = bytearray(tar.header(tar.Entry(tar.BLOBS + A, 12345)))
    block[bit // 8] ^= 1 << bit % 8
    assert tar.parsed(bytes(block)) != tar.Entry(tar.BLOBS + A, 12345)


def test_an_archive_is_one_for_everybody() -> None:
    data = {"b": b"two", "a": b"x" * 600}
    pieces = [piece for name, each in data.items()
              for piece in tar.framed(tar.Entry(name, len(each)), [each])]  # fmt: skip
    with tarfile.open(fileobj=io.BytesIO(b"".join([*pieces, tar.END]))) as archive:
        found = {each.name: archive.extractfile(each) for each in archive}
        assert {name: file.read() for name, file in found.items() if file} == data
    assert len(b"".join(pieces)) + len(tar.END) == tar.total(
        tar.Entry(name, len(each)) for name, each in data.items()
    )


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"format": "x"}', b"\xff", b"[" * 99_999])
def test_what_is_no_manifest(data: bytes) -> None:
    with pytest.raises(BadInput, match=r"^here: is no manifest of a bundle"):
        manifest.read(data, "here")


def test_a_manifest_is_read_back_and_a_newer_one_refused() -> None:
    found = described(item())
    assert manifest.read(found.text(), "here") == found
    newer = found.model_copy(update={"format": 3}).text()
    with pytest.raises(BadInput, match=r"has the format 3, and this whisklab knows up to 2"):
        manifest.read(newer, "here")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"items": []}, "lab needs it for amd64, and the bundle has it not"),
        ({"needs": []}, "is in the bundle, and nothing needs it"),
        ({"items": [item(), item()]}, "is in the manifest 2 times"),
        ({"items": [item(architectures=["arm64"])]}, "needs it for amd64"),
        ({"blobs": []}, f"its blob sha256:{A} is not in the manifest"),
        ({"items": [item(size=4)]}, "its parts have 3 bytes, and it says 4"),
        ({"items": [item(parts=[B])], "blobs": [Blob(sha256=B, size=3)]}, "is none of its parts"),
        ({"blobs": [Blob(sha256=A, size=3), Blob(sha256=B, size=1)]}, "no item has it"),
        ({"absent": [B], "since": A}, "is left to an earlier bundle, and no item has it"),
        ({"absent": [A]}, "an earlier bundle that it does not name"),
        ({"documents": []}, "so the bundle is no OCI layout"),
    ],
)
def test_a_manifest_that_does_not_agree_with_itself(change: dict[str, object], said: str) -> None:
    assert problems(described(item()), documents) == []
    found = problems(described(item(), **change), documents)
    assert any(said in each for each in found), found


def test_a_name_that_leads_nowhere() -> None:
    entry = {"mediaType": "x", "digest": f"sha256:{A}", "size": 3,
             "annotations": {"io.containerd.image.name": "x.example/a:1"}}  # fmt: skip
    index = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    (said,) = problems(described(item()), lambda name: index if name == tar.INDEX else None)
    assert said.startswith("x.example/a:1: index.json names it")


def test_what_differs() -> None:
    old = described(item(), item("k3s/k3s", B))
    new = described(item(sha256=B), item("helm/helm", A))
    found = comparing.difference(old, new)
    assert [each.name for each in found.added] == ["helm/helm"]
    assert [each.name for each in found.removed] == ["k3s/k3s"]
    assert [(a.sha256, b.sha256) for a, b in found.changed] == [(A, B)]
    assert found.bytes_new == 0
    document = comparing.sbom(new, new.items, datetime(2026, 1, 2, tzinfo=UTC))
    assert document["creationInfo"]["created"] == "2026-01-02T00:00:00Z"
    assert document["packages"][0]["licenseDeclared"] == "NOASSERTION"
    assert len(document["relationships"]) == len(new.items)


def test_a_key_is_made_once_and_signs(tmp_path: Path) -> None:
    store = SecretStore(tmp_path / "env")
    assert keys.trusted(store) is None
    key = keys.signer(store)
    public = keys.public(store.path(keys.PUBLIC))
    assert keys.fingerprint_of(keys.signer(store).public_key()) == keys.fingerprint_of(public)
    document = keys.signature(key, b"text")
    assert document == keys.signature(keys.signer(store), b"text")
    assert keys.wrong(public, b"text", document) is None
    assert "does not fit manifest.json" in str(keys.wrong(public, b"other", document))
    for bit in range(0, len(document) * 8, 7):
        data = bytearray(document)
        data[bit // 8] ^= 1 << bit % 8
        assert keys.wrong(public, b"text", bytes(data)) is not None
    store.path(keys.KEY).write_text("no key\n")
    with pytest.raises(WhisklabError, match=r"is no ed25519 key"):
        keys.signer(store)
    with pytest.raises(BadInput, match=r"is no public key"):
        keys.public(store.path(keys.KEY))


def test_the_lock_of_images(tmp_path: Path) -> None:
    catalogue = tmp_path / "catalogue.yaml"
    first, second = ImageLock(catalogue), ImageLock(catalogue)
    first.add("b:1", f"sha256:{A}")
    second.add("a:1", f"sha256:{B}")
    second.add("b:1", f"sha256:{B}")  # the other run was first
    found = ImageLock(catalogue)
    assert (found.digest("a:1"), found.digest("b:1")) == (f"sha256:{B}", f"sha256:{A}")
    assert found.digest("c:1") is None
    assert found.path.stat().st_mode & 0o777 == 0o644
    for text in ("- 1", "a: {digest: x}", "a: [", "a: 1"):
        found.path.write_text(text)
        with pytest.raises(BadInput, match=r"is no lock of images"):
            ImageLock(catalogue)


@settings(max_examples=20)  # each writes to the disk, and waits for it
@given(st.binary(min_size=1, max_size=900), st.integers(1, 200))
def test_parts_are_read_as_one(data: bytes, split: int) -> None:
    import tempfile  # noqa: PLC0415  tmp_path is one for all examples

    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "x.bundle"
        with output.writing(path, split, len(data), lambda _: None) as target:
            target.write(data)
            files = target.complete()
        assert [each.stat().st_size for each in files[:-1]] == [split] * (len(files) - 1)
        with volume.opened(path) as found:
            assert found.read(0, len(data) + 1) == data
            assert b"".join(found.chunks(3, 100)) == data[3:103]
            assert found.size == len(data)


def test_no_room(tmp_path: Path) -> None:
    with (
        pytest.raises(WhisklabError, match=r"the bundle needs 1\d+ MB, and .* MB free: make room"),
        output.writing(tmp_path / "x", None, 1 << 60, lambda _: None),
    ):
        raise AssertionError
    assert not list(tmp_path.iterdir())
