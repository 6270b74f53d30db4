"""A bundle's images as archives for nodes without a registry, as containerd imports them."""

from __future__ import annotations

import hashlib
import json
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.contract.bundle.carrying import Builder
from tests.contract.bundle.changing import quiet
from tests.contract.bundle.test_upload import TAGGED, builder
from tests.contract.registry import making
from whisklab.bundle import leaving, node_archives, volume
from whisklab.bundle.manifest import Manifest
from whisklab.bundle.node_archives import Archived
from whisklab.bundle.source import BundleSource
from whisklab.engine.artifacts.node_images import NodeImages, read, write
from whisklab.engine.cache import cached
from whisklab.errors import BadInput, WhisklabError
from whisklab.images.used import Used

__all__ = ["builder"]  # a fixture

BOTH = ("amd64", "arm64")
TOOL = "quay.io/team/tool:2"
NOBODY = Used({}, {})


@pytest.fixture
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Archived]:
    """Archives a bundle on the laptop inside, whose cache is its own."""

    def archive(bundle: Path, manifest: Manifest, before: NodeImages | None = None) -> Archived:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "inside"))
        with volume.opened(bundle) as found:
            source = BundleSource(found, manifest)
            done = node_archives.archive(source, manifest, before or NodeImages(), quiet)
        assert not list((tmp_path / "inside/whisklab").glob(".*"))  # nothing half
        return done

    return archive


def held(path: Path, architecture: str) -> tuple[str, str]:
    """The name and digest of the image of an archive, all of which is there for an architecture."""
    with tarfile.open(path, "r:") as opened:
        files = {each.name: file.read() for each in opened if (file := opened.extractfile(each))}
    blobs = {
        each.removeprefix("blobs/sha256/"): data for each, data in files.items() if "/" in each
    }
    for digest, data in blobs.items():
        assert hashlib.sha256(data).hexdigest() == digest
    assert json.loads(files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
    (top,) = json.loads(files["index.json"])["manifests"]

    def blob(digest: str) -> Any:
        return json.loads(blobs[digest.removeprefix("sha256:")])

    found, seen = blob(top["digest"]), {top["digest"]}
    if "manifests" in found:
        kinds = {each["digest"]: each["platform"]["architecture"] for each in found["manifests"]}
        (mine,) = [each for each, kind in kinds.items() if kind == architecture]
        found = blob(mine)
        seen.add(mine)
    assert blob(found["config"]["digest"])["architecture"] == architecture
    seen |= {found["config"]["digest"], *(each["digest"] for each in found["layers"])}
    assert {each.removeprefix("sha256:") for each in seen} == set(blobs)  # and nothing beside
    return top["annotations"]["io.containerd.image.name"], top["digest"]


def check(done: Archived, architectures: Sequence[str]) -> dict[str, str]:
    """Look at all archives of a list; returns the names of the images with their digests."""
    names = {}
    for image in done.images.images:
        assert sorted(image.archives) == list(architectures)
        for kind, each in image.archives.items():
            path = cached(each.sha256, image.file)
            assert hashlib.sha256(path.read_bytes()).hexdigest() == each.sha256
            assert path.stat().st_size == each.size
            assert held(path, kind) == (image.name, image.digest)
        names[image.name] = image.digest
    assert list(names) == sorted(names)
    return names


@pytest.mark.parametrize("architectures", [("amd64",), BOTH], ids=len)
def test_each_image_has_an_archive_for_each_architecture_by_its_tag_and_digest(
    builder: Builder, inside: Callable[..., Archived], architectures: Sequence[str]
) -> None:
    index = making.digest(builder.upstream.add("team/pinned", "1", 77))
    alone = making.image([making.layer(5, 9_000)])
    builder.upstream.put("team/alone", "1", alone)
    pinned, single = f"ghcr.io/team/pinned@{index}", f"ghcr.io/team/alone@{alone.digest}"
    more = [single] if len(architectures) == 1 else []
    bundle = builder.build("all", [*TAGGED, pinned, *more], architectures)
    manifest = builder.manifest(bundle)
    done = inside(bundle, manifest)
    names = check(done, architectures)
    assert len(names) == len(manifest.items)
    assert set(names.values()) == {f"sha256:{each.sha256}" for each in manifest.items}
    tags = {"docker.io/library/busybox:1.36", *(each for each in TAGGED if "/" in each)}
    assert tags < set(names)
    assert names[f"ghcr.io/team/pinned:pinned-{index[7:19]}"] == index
    for image in done.images.images:
        assert image.by_digest == f"{image.name.rpartition(':')[0]}@{image.digest}"
    assert len({image.file for image in done.images.images}) == len(names)
    assert (done.total, done.brought) == (len(names) * len(architectures),) * 2
    assert done.size == sum(node_archives.paths(done.images).values())


def test_a_second_time_nothing_is_written_and_what_was_lost_is(
    builder: Builder, inside: Callable[..., Archived], tmp_path: Path
) -> None:
    bundle = builder.build("all", TAGGED, BOTH)
    manifest = builder.manifest(bundle)
    first = inside(bundle, manifest)
    again = inside(bundle, manifest, first.images)
    assert (again.images, again.total, again.brought, again.size) == (first.images, 6, 0, 0)
    for path in node_archives.paths(first.images):
        path.unlink()
        mended = inside(bundle, manifest, first.images)
        assert (mended.images, mended.brought) == (first.images, 2)  # of its image
        assert path.is_file()
    assert check(mended, BOTH)


def test_of_a_continued_bundle_what_it_leaves_out_is_in_the_archives_of_the_first(
    builder: Builder, inside: Callable[..., Archived]
) -> None:
    base, own, other = (making.layer(seed, 90_000) for seed in (4, 5, 6))
    builder.upstream.put("team/tool", "2", making.image([base, own]))
    first = builder.build("first", [TOOL, "busybox:1.36"])
    changed = making.image([base, other])
    builder.upstream.put("team/tool", "2", changed)
    builder.upstream.put("team/late", "1", making.image([base, making.layer(7, 50_000)]))
    second = builder.build("second", [TOOL, "busybox:1.36", "quay.io/team/late:1"], since=first)
    manifest = builder.manifest(second)
    with pytest.raises(WhisklabError) as raised:
        inside(second, manifest)
    said = str(raised.value).splitlines()
    assert len(said) == 3
    assert all(
        each.endswith("this laptop's cache has it not: upload that one first") for each in said
    )
    assert {each.split(":")[0] for each in said} == {
        "image docker.io/library/busybox 1.36", "quay.io/team/late", "quay.io/team/tool",
    }  # fmt: skip
    before = inside(first, builder.manifest(first))
    done = inside(second, manifest, before.images)
    names = check(done, ["amd64"])
    assert (done.brought, names[TOOL]) == (2, changed.digest)
    assert names["docker.io/library/busybox:1.36"]
    assert done.images.gone == []  # an image that has changed keeps its file's name


@pytest.mark.parametrize("how", ["another bit", "its end is missing", "other bytes"])
def test_an_archive_of_before_that_is_damaged_is_named(
    builder: Builder, inside: Callable[..., Archived], how: str
) -> None:
    base = making.layer(4, 90_000)
    builder.upstream.put("team/tool", "2", making.image([base]))
    first = builder.build("first", [TOOL])
    builder.upstream.put("team/late", "1", making.image([base, making.layer(7, 50_000)]))
    second = builder.build("second", ["quay.io/team/late:1"], since=first)
    before = inside(first, builder.manifest(first))
    (path,) = node_archives.paths(before.images)
    data = path.read_bytes()
    middle = data.index(base) + len(base) // 2
    path.write_bytes({
        "another bit": data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :],
        "its end is missing": data[:middle],
        "other bytes": b"no archive" * 1000,
    }[how])  # fmt: skip
    with pytest.raises(WhisklabError) as raised:
        inside(second, builder.manifest(second), before.images)
    assert str(raised.value) == (
        f"{path}: is damaged: remove it, and upload the bundle again that brought it"
    )


def test_a_disk_that_is_full_is_told_before_the_first_byte(
    builder: Builder, inside: Callable[..., Archived], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:  # fmt: skip
    bundle = builder.build("all", TAGGED)
    manifest = builder.manifest(bundle)
    monkeypatch.setattr("shutil.disk_usage", lambda _: type("Usage", (), {"free": 1000}))
    with pytest.raises(WhisklabError, match="MB of archives of images are to be written, and 0 MB"):
        inside(bundle, manifest)
    assert not list((tmp_path / "inside").rglob("*.tar"))


def test_an_image_of_another_bundle_stays_and_one_that_has_changed_is_replaced(
    builder: Builder, inside: Callable[..., Archived]
) -> None:
    one = builder.build("one", TAGGED[:2])
    two = builder.build("two", TAGGED[1:])
    before = inside(one, builder.manifest(one))
    done = inside(two, builder.manifest(two), before.images)
    assert len(check(done, ["amd64"])) == 3
    assert done.brought == 1


# Taking away.


@pytest.mark.parametrize("number", range(len(TAGGED)))
def test_one_image_that_is_needed_stays(
    builder: Builder, inside: Callable[..., Archived], number: int
) -> None:
    """A later bundle has it, a pod runs it or names it, or there is another one of its name."""
    old = builder.build("old", TAGGED)
    manifest = builder.manifest(old)
    there = inside(old, manifest).images
    assert len(leaving.archives(manifest, [], there, NOBODY).going) == len(TAGGED)
    new = builder.manifest(builder.build("new", [TAGGED[number]]))
    name = f"docker.io/library/{TAGGED[number]}" if number == 0 else TAGGED[number]
    mine = there.having(name)
    assert mine
    rest = [each for each in there.images if each != mine]
    assert leaving.archives(manifest, [new], there, NOBODY) == leaving.Archives(rest, [])
    said = [f"{name}: is in use by pod lab/a: it stays"]
    path, _, tag = name.partition("/")[2].partition(":")
    for used in (
        Used({}, {mine.digest: ("pod lab/a",)}),
        Used({(path, tag): ("pod lab/a",)}, {}),
    ):
        assert leaving.archives(manifest, [], there, used) == leaving.Archives(rest, said)
    other = mine.model_copy(update={"digest": f"sha256:{'0' * 64}"})
    changed = NodeImages(images=[*rest, other])
    found = leaving.archives(manifest, [], changed, NOBODY)
    assert found.staying == [f"{name}: is another image than the bundle's by now: it stays"]
    assert other not in found.going
    left = there.changed(rest)
    assert (left.images, left.gone) == (rest, [mine.file])
    assert left.changed([*rest, mine]).gone == []  # it is back


# The list.


def test_a_list_is_read_as_it_was_written(
    builder: Builder, inside: Callable[..., Archived], tmp_path: Path
) -> None:
    path = tmp_path / "lab.images.json"
    assert read(path) == NodeImages()
    bundle = builder.build("all", TAGGED, BOTH)
    done = inside(bundle, builder.manifest(bundle)).images.changed([])
    write(path, done)
    written = path.stat().st_mtime_ns
    assert read(path) == done
    write(path, done)
    assert path.stat().st_mtime_ns == written
    assert not list(tmp_path.glob(".lab*"))


def test_a_list_that_cannot_be_written_is_told_and_the_one_before_stays(tmp_path: Path) -> None:
    (tmp_path / "lab.images.json").mkdir()
    with pytest.raises(WhisklabError, match="lab.images.json: cannot be written \\(Is a directory"):
        write(tmp_path / "lab.images.json", NodeImages())
    with pytest.raises(WhisklabError, match="cannot be written \\(No such file"):
        write(tmp_path / "none/lab.images.json", NodeImages())
    assert [each.name for each in tmp_path.iterdir()] == ["lab.images.json"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"images": [{}]}', '{"images": {}, "gone": []}',
                                  '{"image": []}', '{"gone": [1]}'])  # fmt: skip
def test_what_is_no_list_is_told(tmp_path: Path, text: str) -> None:
    path = tmp_path / "lab.images.json"
    path.write_text(text)
    with pytest.raises(BadInput) as raised:
        read(path)
    assert str(raised.value).startswith(f"{path}: is no list of images (")
    assert str(raised.value).endswith("put it back, or remove it and upload the bundle again")


def test_an_architecture_that_no_bundle_has_brought_is_told(
    builder: Builder, inside: Callable[..., Archived]
) -> None:
    bundle = builder.build("all", [TOOL])
    (image,) = inside(bundle, builder.manifest(bundle)).images.images
    assert image.artifact("amd64").source.sha256 == image.archives["amd64"].sha256
    with pytest.raises(BadInput) as raised:
        image.artifact("arm64")
    assert str(raised.value) == (
        f"{TOOL}: the uploaded bundle has it for amd64 only, and there are machines of arm64: "
        "build it with --arch, and upload"
    )
