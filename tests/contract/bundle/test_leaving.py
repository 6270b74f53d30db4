"""What an earlier bundle has brought into the real registry, and what of it goes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.bundle.carrying import Builder, upload
from tests.contract.bundle.changing import quiet
from tests.contract.bundle.site import NAME, Site
from tests.contract.bundle.test_upload import builder
from tests.contract.registry import making
from tests.contract.registry.conftest import doors, program, registry, uploads
from whisklab.bundle import filling, leaving, volume
from whisklab.bundle.manifest import Manifest
from whisklab.images import content, listing
from whisklab.images.client import Registry
from whisklab.images.names import Reference
from whisklab.images.used import Used

__all__ = ["builder", "doors", "program", "registry", "uploads"]  # fixtures

NAMES = ["docker.io/team/a:1", "docker.io/team/b:1", "quay.io/team/c:1", "quay.io/team/d:2"]
TAGS = [Reference(each.partition("/")[2].partition(":")[0], each[-1]) for each in NAMES]
MINE = Reference("team/mine", "1")
NOBODY = Used({}, {})
Brought = Callable[[str, list[str]], Manifest]


@pytest.fixture
def brought(builder: Builder, registry: Registry, uploads: Path) -> Brought:
    """Builds and uploads a bundle; each image has content of its own."""

    def bring(name: str, images: list[str]) -> Manifest:
        for seed, image in enumerate(images, sum(map(ord, name))):
            there = image.partition("/")[2]
            made = making.image([making.layer(seed, 20_000)])
            builder.upstream.put(there.partition(":")[0], there[-1], made)
        bundle = builder.build(name, images)
        manifest = builder.manifest(bundle)
        upload(bundle, manifest, registry, uploads)
        return manifest

    return bring


def digest(registry: Registry, name: Reference) -> str:
    found = content.manifest(registry, name.repository, name.tag)
    assert found
    return found.digest


def running(registry: Registry, *names: Reference) -> Used:
    """A cluster that runs some images."""
    return Used({}, {digest(registry, each): ("pod lab/a",) for each in names})


def left(registry: Registry, old: Manifest, kept: list[Manifest], used: Used) -> leaving.Tags:
    """Remove what may go; returns what was told."""
    found = leaving.images(old, kept, registry.access)
    tags = leaving.tags(listing.listed(registry, used), found)
    for each in tags.going:
        content.untag(registry, each)
    return tags


def there(registry: Registry) -> set[Reference]:
    return {each.name for each in listing.listed(registry, NOBODY)}


def test_what_only_the_earlier_one_has_goes_and_nothing_of_others(
    brought: Brought, registry: Registry
) -> None:
    old = brought("old", NAMES)
    brought("mine", ["docker.io/team/mine:1"])
    assert left(registry, old, [], NOBODY) == leaving.Tags(TAGS, [])
    assert there(registry) == {MINE}
    assert left(registry, old, [], NOBODY) == leaving.Tags([], [])


@pytest.mark.parametrize("number", range(len(NAMES)))
def test_one_image_that_is_needed_stays(brought: Brought, registry: Registry, number: int) -> None:
    """A later bundle has it, a pod runs it, or somebody has put another one in its place."""
    name, tag = NAMES[number], TAGS[number]
    rest = [each for each in TAGS if each != tag]
    old = brought("old", NAMES)
    new = brought("new", [name])
    assert left(registry, old, [new], NOBODY) == leaving.Tags(rest, [])
    assert there(registry) == {tag}
    again = brought("old", NAMES)
    found = left(registry, again, [], running(registry, tag))
    assert found == leaving.Tags(rest, [f"{tag}: is in use by pod lab/a: it stays"])
    assert there(registry) == {tag}
    brought("other", [name])
    found = left(registry, again, [], NOBODY)
    said = f"{tag}: is another image than the bundle's by now: it stays"
    assert found == leaving.Tags([], [said])
    assert there(registry) == {tag}


def test_files_that_a_later_bundle_has_stay_in_the_cache(
    builder: Builder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builder.offer({"one": b"1" * 100, "two": b"2" * 200})
    bundles = [builder.build(name, [], files=files) for name, files in (
        ("old", ["one", "two"]), ("new", ["two"]),
    )]  # fmt: skip
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "inside"))
    old, new = map(builder.manifest, bundles)
    with volume.opened(bundles[0]) as opened:
        filling.fill(opened, old, quiet)
    assert all(path.is_file() for path in filling.places(old))
    (going,) = leaving.files(old, [new]).items()
    assert (going[0].read_bytes(), going[1]) == (b"1" * 100, 100)
    assert leaving.files(old, [old]) == {}


def test_the_verb_removes_files_when_asked_to(site: Site, tmp_path: Path) -> None:
    bundle = site.build()
    inside = Site(site.path, site.upstream, tmp_path / "inside", dict(site.data))
    assert "of them new" in inside.run("upload", str(bundle), NAME).stdout
    for arguments, said in (
        (("none.bundle", NAME), "no such bundle"),
        ((str(bundle), "nobody"), "no such inventory"),
        ((str(bundle), NAME, "--keep", "none"), "no such bundle"),
        ((str(bundle), NAME), "deploy the registry first"),
    ):
        done = inside.run("remove", *arguments)
        assert (done.returncode, said in done.stderr) == (2, True), (arguments, done)
    cached = list((tmp_path / "inside/whisklab/artifacts").iterdir())
    assert len(cached) == len([each for each in site.manifest()["items"] if each["file"]])
