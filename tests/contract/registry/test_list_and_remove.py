"""What is listed of a real registry, and which tags may go."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.contract.registry.doors import Doors
from tests.contract.registry.making import digest, image, layer, several, single, written
from tests.contract.registry.pushing import push
from tests.contract.registry.test_push import pulled
from whisklab.errors import BadInput
from whisklab.images import content, listing
from whisklab.images.client import Registry
from whisklab.images.listing import Listed
from whisklab.images.names import Reference, parse
from whisklab.images.removal import removals
from whisklab.images.used import Used, used

SHARED = layer(1, 30_000)
ONE, OTHER = image([SHARED, layer(2, 10_000)]), image([SHARED], "arm64")
NOBODY = used({})


def pod(image: str, image_id: str = "") -> Used:
    item: dict[str, Any] = {
        "metadata": {"namespace": "default", "name": "web"},
        "spec": {"containers": [{"image": image}]},
        "status": {"containerStatuses": [{"image": image, "imageID": image_id}]},
    }
    return used({"Pod": [item]})


@pytest.fixture
def index(registry: Registry, uploads: Path, tmp_path: Path) -> str:
    """lab/one:1 and :same, lab/two:1 of another architecture, and lab/many:1 of both."""
    files, top = several([ONE, OTHER], "lab/many:1")
    for name, content_ in (
        ("lab/one:1", single(ONE)), ("lab/one:same", single(ONE)), ("lab/two:1", single(OTHER)),
        ("lab/many:1", files),
    ):  # fmt: skip
        source = written(tmp_path / f"{name.replace('/', '-').replace(':', '-')}.tar", content_)
        push(registry, uploads, source, name)
    return digest(top)


def named(found: list[Listed]) -> dict[str, Listed]:
    return {str(each.name): each for each in found}


def test_each_tag_with_digest_size_architectures_and_users(registry: Registry, index: str) -> None:
    found = named(listing.listed(registry, pod("10.0.0.1:5000/lab/one:1")))
    assert list(found) == ["lab/many:1", "lab/one:1", "lab/one:same", "lab/two:1"]
    one, many = found["lab/one:1"], found["lab/many:1"]
    assert one.digest == found["lab/one:same"].digest == ONE.digest
    assert one.size == sum(map(len, ONE.blobs.values()))
    assert (one.architectures, found["lab/two:1"].architectures) == (("amd64",), ("arm64",))
    assert many.digest == index
    assert many.architectures == ("amd64", "arm64")
    assert {ONE.digest, OTHER.digest} < set(many.children)
    assert sum(map(len, {**ONE.blobs, **OTHER.blobs}.values())) < many.size
    assert {name: each.users for name, each in found.items()} == {
        "lab/many:1": (), "lab/one:1": ("pod default/web",), "lab/one:same": (), "lab/two:1": (),
    }  # fmt: skip


def test_an_empty_registry_and_many_tags(registry: Registry, uploads: Path, tmp_path: Path) -> None:
    assert listing.listed(registry, NOBODY) == []
    source = written(tmp_path / "one.tar", single(ONE))
    push(registry, uploads, source, "lab/many:first")
    found = content.manifest(registry, "lab/many", "first")
    assert found
    for number in range(120):
        content.put(registry, "lab/many", found, f"{number:03}")
    assert len(content.tags(registry, "lab/many")) == 121
    assert content.tags(registry, "lab/none") == []


def test_a_tag_goes_and_the_others_of_its_digest_stay(
    doors: Doors, registry: Registry, index: str
) -> None:
    there = listing.listed(registry, NOBODY)
    (going,) = removals(there, [parse("lab/one:1")], NOBODY)
    assert str(going) == f"lab/one:1 -> {ONE.digest}, which stays, lab/one:same has it too"
    assert content.untag(registry, going.name)
    assert pulled(doors, "lab/one", "same") == (ONE.digest, dict(ONE.blobs))
    assert content.manifest(registry, "lab/one", "1") is None
    (last,) = removals(listing.listed(registry, NOBODY), [parse("lab/one:same")], NOBODY)
    assert last.kept_by == ()
    assert last.freed == 0  # lab/many has the same layers
    many = removals(there, [parse("lab/one:1"), parse("lab/one:same"), parse("lab/many:1")], NOBODY)
    assert [each.kept_by for each in many] == [(), (), ()]


def test_what_the_cluster_names_or_runs_is_refused(registry: Registry, index: str) -> None:
    there = listing.listed(registry, NOBODY)
    one, same, many = (parse(each) for each in ("lab/one:1", "lab/one:same", "lab/many:1"))

    def refused(names: list[Reference], using: Used) -> bool:
        said = ""
        try:
            removals(there, names, using)
        except BadInput as error:
            said = str(error)
        assert not said or "is in use by pod default/web: it is not removed" in said
        return bool(said)

    by_name = pod("10.0.0.1:5000/lab/one:1")
    assert refused([one], by_name)
    assert not refused([same], by_name)
    # A mirror may have dropped the host, or put a prefix before.
    assert refused([one], pod("docker.io/one:1"))
    assert not refused([one], pod("docker.io/else/one:1"))
    running = pod("other:2", f"10.0.0.1:5000/lab/one@{ONE.digest}")
    assert not refused([one], running)  # lab/one:same keeps it
    assert refused([one, same], running)
    assert refused([many], pod("x:1", f"x@{index}"))
    assert refused([many], pod("x:1", f"x@{OTHER.digest}"))
    with pytest.raises(BadInput, match="lab/one:9: not in the registry"):
        removals(there, [parse("lab/one:9")], NOBODY)
