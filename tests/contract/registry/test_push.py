"""Images of each form into a real registry, and what is refused before anything is sent."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.contract.registry import making
from tests.contract.registry.doors import Doors
from tests.contract.registry.making import image, layer, several, single, written
from tests.contract.registry.pushing import opened, push
from whisklab.engine.registries.secrets import PUSHER
from whisklab.errors import BadInput, WhisklabError
from whisklab.images import archives, reading
from whisklab.images.client import Registry
from whisklab.images.manifests import ACCEPTED

LAYERS = [layer(1, 300_000), layer(2, 70_000)]


def pulled(doors: Doors, name: str, tag: str) -> tuple[str, dict[str, bytes]]:
    """What nodes get of an image: the digest of its top, and all its blobs, as bytes."""
    found: dict[str, bytes] = {}
    answer = doors.get(f"/v2/{name}/manifests/{tag}", ACCEPTED)
    assert answer.status_code == 200, answer.text
    todo = [answer.content]
    while todo:
        manifest = json.loads(todo.pop())
        for each in manifest.get("manifests", []):
            child = doors.get(f"/v2/{name}/manifests/{each['digest']}", ACCEPTED)
            assert making.digest(child.content) == each["digest"]
            todo.append(child.content)
        for each in [*manifest.get("layers", []), *filter(None, [manifest.get("config")])]:
            blob = doors.get(f"/v2/{name}/blobs/{each['digest']}")
            assert making.digest(blob.content) == each["digest"]
            found[each["digest"]] = blob.content
    return making.digest(answer.content), found


@pytest.mark.parametrize("form", ["directory", "archive.tar", "packed.tgz"])
def test_an_oci_layout_keeps_its_digest(
    doors: Doors, registry: Registry, uploads: Path, tmp_path: Path, form: str
) -> None:
    made = image(LAYERS)
    files = single(made, "10.0.0.1:5000/lab/one:1")
    source = written(tmp_path / form, files, packed=form.endswith("tgz"))
    (done,) = push(registry, uploads, source, None)
    total = sum(map(len, made.blobs.values()))
    assert (done.name, done.digest, done.sent, done.skipped) == (
        "lab/one:1", made.digest, total, 0,
    )  # fmt: skip
    assert pulled(doors, "lab/one", "1") == (made.digest, dict(made.blobs))
    (again,) = push(registry, uploads, source, "lab/one:2")
    assert (again.digest, again.sent, again.skipped) == (made.digest, 0, total)
    assert not doors.under_way()
    assert not list(uploads.iterdir())


@pytest.mark.parametrize("packed", [False, True])
def test_an_archive_of_docker_has_the_same_digest_each_time(
    doors: Doors, registry: Registry, uploads: Path, tmp_path: Path, packed: bool
) -> None:
    files = making.docker(LAYERS, ["lab/two:1", "lab/two:stable"], packed=packed)
    source = written(tmp_path / "saved.tar", files)
    first, second = push(registry, uploads, source, None)
    assert (first.digest, second.sent) == (second.digest, 0)
    other = written(tmp_path / "saved.tgz", files, packed=True)
    (third,) = push(registry, uploads, other, "other/name")
    assert (third.name, third.digest) == ("other/name:latest", first.digest)
    digest, blobs = pulled(doors, "lab/two", "stable")
    assert digest == first.digest
    assert set(blobs.values()) == {
        files["config.json"], files["0/layer.tar"], files["1/layer.tar"],
    }  # fmt: skip


def test_an_index_with_proofs_is_pushed_whole_and_unchanged(
    doors: Doors, registry: Registry, uploads: Path, tmp_path: Path
) -> None:
    children = [image([LAYERS[0]], "amd64"), image([LAYERS[1]], "arm64")]
    files, index = several(children, "lab/many:1")
    (done,) = push(registry, uploads, written(tmp_path / "many.tar", files), None)
    digest, blobs = pulled(doors, "lab/many", "1")
    assert digest == done.digest == making.digest(index)
    assert len(blobs) == 8
    with archives.opened(tmp_path / "many.tar") as source:
        (found,) = reading.images(source)
    assert found.architectures == {"amd64", "arm64", "unknown"}
    assert found.notes == ()


def test_of_an_index_that_is_not_whole_goes_what_is_and_it_is_said(
    doors: Doors, registry: Registry, uploads: Path, tmp_path: Path
) -> None:
    amd, arm = image([LAYERS[0]], "amd64"), image([LAYERS[1]], "arm64")
    files, index = several([amd, arm], "lab/part:1", left_out=[amd])
    source = written(tmp_path / "part.tar", files)
    with archives.opened(source) as opened_:
        (found,) = reading.images(opened_)
    (note,) = found.notes
    assert "amd64 is not in it" in note
    assert making.digest(index) in note
    (done,) = push(registry, uploads, source, None)
    digest, blobs = pulled(doors, "lab/part", "1")
    assert digest == done.digest != making.digest(index)
    assert set(arm.blobs) < set(blobs)
    nothing, _ = several([amd], "lab/part:1", left_out=[amd])
    with pytest.raises(BadInput, match="is not in it: save the image again"):
        push(registry, uploads, written(tmp_path / "nothing.tar", nothing), None)


def _damaged() -> dict[str, tuple[Mapping[str, bytes], str]]:
    made = image(LAYERS)
    good = single(made, "lab/bad:1")
    big = f"blobs/{making.digest(LAYERS[0]).replace(':', '/')}"
    saved = making.docker(LAYERS, ["lab/bad:1"])
    wrong_size = json.loads(good["index.json"])
    wrong_size["manifests"][0]["size"] += 5
    foreign = json.loads(made.manifest)
    foreign["layers"][0]["mediaType"] = "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip"
    old = b'{"schemaVersion": 1, "name": "old", "fsLayers": []}'

    def alone(manifest: bytes) -> dict[str, bytes]:
        return making.layout(
            [(making.entry(making.MANIFEST, manifest), "lab/bad:1")],
            {**made.blobs, making.digest(manifest): manifest},
        )

    return {
        "blob": ({k: v for k, v in good.items() if k != big}, "is not in it"),
        "digest": ({**good, big: LAYERS[0][:-1] + b"x"}, "has other bytes than its name says"),
        "size": (
            {**good, "index.json": json.dumps(wrong_size).encode()},
            f"has {len(made.manifest)} bytes, and is said to have {len(made.manifest) + 5}",
        ),
        "foreign": (alone(json.dumps(foreign).encode()), "may not be passed on"),
        "oldest": (alone(old), "schema 1"),
        "layer": ({k: v for k, v in saved.items() if k != "1/layer.tar"}, "is not in it"),
        "other layer": ({**saved, "1/layer.tar": LAYERS[0]}, "the layer 1/layer.tar is not sha256"),
        "one layer less": (
            {**saved, "manifest.json": saved["manifest.json"].replace(b', "1/layer.tar"', b"")},
            "has 1 layers, and its configuration names 2",
        ),
        "no image": ({"readme": b"hello"}, "holds no image"),
    }


@pytest.mark.parametrize("kind", _damaged())
def test_what_promises_more_than_it_holds_is_refused_before_a_byte(
    doors: Doors, registry: Registry, uploads: Path, tmp_path: Path, kind: str
) -> None:
    files, sentence = _damaged()[kind]
    for form in ("bad.tar", "directory"):
        with pytest.raises(BadInput, match=sentence):
            push(registry, uploads, written(tmp_path / form, files), None)
    assert not (doors.data / "docker").exists()


@pytest.mark.parametrize("packed", [False, True])
def test_an_archive_that_ends_early_is_refused_wherever_it_ends(
    tmp_path: Path, packed: bool
) -> None:
    whole = written(tmp_path / "a.tar", single(image(LAYERS), "lab/one:1"), packed=packed)
    data, cut = whole.read_bytes(), tmp_path / "cut.tar"
    points = [0, 1, 511, 512, 600, 1024, len(data) // 3, len(data) // 2]
    # Python fills an archive up with zeros to 10 240 bytes; what is cut of them is no loss.
    points += [len(data) - 20 if packed else len(data.rstrip(b"\0"))]
    for point in points:
        cut.write_bytes(data[:point])
        with pytest.raises(BadInput), archives.opened(cut) as source:
            reading.images(source)
    for other in (b"\x28\xb5\x2f\xfd rest", b"\xfd7zXZ rest", b"BZh rest", b"PK rest"):
        cut.write_bytes(other)
        with pytest.raises(BadInput), archives.opened(cut):
            pass


def test_wrong_password_foreign_authority_and_nobody_there_are_a_sentence_each(
    doors: Doors, uploads: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("whisklab.images.client.STARTS_WITHIN", 0.5)
    source = written(tmp_path / "a.tar", single(image(LAYERS), "lab/one:1"))
    url = doors.url(doors.push)
    with pytest.raises(WhisklabError, match="does not know the account push with the password in"):
        push(opened(url, doors.ca, "wrong"), uploads, source, None)
    other = Doors(doors.program, tmp_path / "other")
    password = doors.known.passwords[PUSHER]
    with pytest.raises(WhisklabError, match="shows a certificate that is not of the authority"):
        push(opened(url, other.ca, password), uploads, source, None)
    doors.stop(doors.push)
    with pytest.raises(WhisklabError, match="does not answer: see `systemctl status"):
        push(opened(url, doors.ca, password), uploads, source, None)
    assert not (doors.data / "docker").exists()
