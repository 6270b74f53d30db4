"""What garbage collection takes, and what it leaves, beside pushes too."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.contract.registry.collector import Collector
from tests.contract.registry.doors import Doors
from tests.contract.registry.making import Made, digest, image, layer, several, single, written
from tests.contract.registry.pushing import opened, push
from tests.contract.registry.test_push import pulled
from whisklab.engine.registries.secrets import PUSHER
from whisklab.images import collecting, content, keeping
from whisklab.images.client import Registry
from whisklab.images.names import Reference
from whisklab.images.used import used

ROUNDS = 20
SHARED = layer(1, 200_000)


@pytest.fixture
def collector(doors: Doors, tmp_path: Path) -> Iterator[Collector]:
    assert os.geteuid() == 0, "the host's script changes its user, as on a machine: run as root"
    doors.stop(doors.push)
    made = Collector(doors, tmp_path / "machine")
    made.start()
    yield made
    made.stop()


def brought(registry: Registry, uploads: Path, made: Made, name: str) -> None:
    """Push an image of one platform."""
    source = written(uploads.parent / f"{name.replace('/', '-')}.tar", single(made, name))
    registry.require_login()
    push(registry, uploads, source, None)


def blobs(doors: Doors) -> set[str]:
    found = doors.data.glob("docker/registry/v2/blobs/sha256/*/*/data")
    return {f"sha256:{each.parent.name}" for each in found}


def test_what_no_tag_reaches_goes_and_all_else_stays(
    doors: Doors, collector: Collector, registry: Registry, uploads: Path, tmp_path: Path
) -> None:
    one, other = image([SHARED, layer(2, 50_000)]), image([SHARED, layer(3, 60_000)])
    brought(registry, uploads, one, "lab/one:1")
    brought(registry, uploads, one, "lab/one:same")
    brought(registry, uploads, other, "lab/one:2")
    files, index = several([image([layer(4, 40_000)]), image([layer(5, 30_000)], "arm64")], "m:1")
    push(registry, uploads, written(tmp_path / "m.tar", files), None)
    assert collector.going().is_nothing
    assert content.untag(registry, Reference("lab/one", "1"))
    assert not content.untag(registry, Reference("lab/one", "1"))
    assert collector.going().is_nothing
    assert content.untag(registry, Reference("lab/one", "2"))
    going = collector.going()
    assert going.manifests == (("lab/one", other.digest),)
    gone = {other.digest, *set(other.blobs) - set(one.blobs)}
    assert set(going.blobs) == gone
    assert going.size == sum(
        len(data) for key, data in {**other.blobs, other.digest: other.manifest}.items()
        if key in gone
    )  # fmt: skip
    assert gone < blobs(doors)
    assert collector.collect(going) == collecting.DONE
    assert not gone & blobs(doors)
    assert collector.asked.read_text().split("\n")[-3:] == [
        f"stop {doors.push.service}", f"start {doors.push.service}", "",
    ]  # fmt: skip
    assert pulled(doors, "lab/one", "same") == (one.digest, dict(one.blobs))
    assert pulled(doors, "m", "1")[0] == digest(index)
    # What went can come again: nobody remembers that it was there.
    brought(registry, uploads, other, "lab/one:2")
    assert pulled(doors, "lab/one", "2") == (other.digest, dict(other.blobs))


def test_nothing_goes_that_was_not_told(
    doors: Doors, collector: Collector, registry: Registry, uploads: Path
) -> None:
    for number in (1, 2):
        brought(registry, uploads, image([layer(number, 1000)]), f"lab/told:{number}")
    content.untag(registry, Reference("lab/told", "1"))
    told = collector.going()
    content.untag(registry, Reference("lab/told", "2"))
    before = blobs(doors)
    assert collector.collect(told) == collecting.CHANGED
    assert blobs(doors) == before
    registry.require_login()
    assert collector.collect(collector.going()) == collecting.DONE
    assert blobs(doors) == set()


def test_it_waits_for_a_push_and_says_who_it_is(
    doors: Doors, collector: Collector, registry: Registry, uploads: Path
) -> None:
    brought(registry, uploads, image([SHARED]), "lab/one:1")
    content.untag(registry, Reference("lab/one", "1"))
    going, before = collector.going(), blobs(doors)
    with collector.sharing():
        said = collector.collect(going, within=1)
        assert said.startswith(f"{collecting.BUSY} ")
        assert f"process {os.getpid()}" in said
        assert blobs(doors) == before
        registry.require_login()
    assert collector.collect(going) == collecting.DONE


def test_uploads_that_nobody_goes_on_with_are_taken_away(
    doors: Doors, collector: Collector, registry: Registry
) -> None:
    assert collector.going().is_nothing
    registry.require_login()
    for name in ("old", "deep/er/old", "new"):
        path = registry.ask("POST", f"/v2/{name}/blobs/uploads/", body=b"", expected=(202,))
        registry.ask("PATCH", path.location, body=b"x" * 1000, expected=(202,))
    long_ago = time.time() - 60 * (collecting.LEFT_AFTER + 5)
    for each in doors.under_way():
        if "old" in str(each):
            for file in (each, *each.rglob("*")):
                os.utime(file, (long_ago, long_ago))
    going = collector.going()
    assert len(going.uploads) == 2
    assert all(each > 1000 for each in going.uploads)
    assert collector.collect(going) == collecting.DONE
    assert [each.parent.parent.name for each in doors.under_way()] == ["new"]


def test_what_the_cluster_runs_without_a_tag_gets_one(
    doors: Doors, collector: Collector, registry: Registry, uploads: Path
) -> None:
    old, new = image([layer(1, 1000)]), image([layer(2, 1000)])
    brought(registry, uploads, old, "lab/moved:1")
    brought(registry, uploads, new, "lab/moved:1")
    pod = {
        "metadata": {"namespace": "n", "name": "p"},
        "status": {"containerStatuses": [{"imageID": f"10.0.0.1:5000/lab/moved@{old.digest}"}]},
    }
    endangered = keeping.endangered(collector.going(), used({"Pod": [pod]}))
    assert endangered == [("lab/moved", old.digest)]
    (name,) = keeping.keep(registry, endangered)
    assert collector.going().is_nothing
    assert pulled(doors, "lab/moved", name.partition(":")[2])[0] == old.digest


def test_beside_pushes_every_image_that_was_reported_pulls(
    doors: Doors, collector: Collector, registry: Registry, uploads: Path, tmp_path: Path
) -> None:
    seed = int(os.environ.get("SEED", time.time_ns() % 1_000_000))
    print(f"SEED={seed}")
    draw = random.Random(seed)  # noqa: S311
    password = doors.known.passwords[PUSHER]
    collected = 0
    for number in range(ROUNDS):
        made = image([SHARED, layer(100 + number, draw.randrange(1, 3_000_000))])
        source = written(tmp_path / "pushed.tar", single(made, f"lab/beside:{number}"))

        def one(source: Path) -> None:
            with collector.sharing():
                mine = opened(doors.url(doors.push), doors.ca, password)
                push(mine, uploads, source, None)

        with ThreadPoolExecutor() as pool:
            under_way = pool.submit(one, source)
            time.sleep(draw.random() * 0.3)
            said = collector.collect(collector.going())
            under_way.result()
        collected += said == collecting.DONE
        repository, tag = "lab/beside", str(number)
        assert pulled(doors, repository, tag) == (made.digest, dict(made.blobs))
        # The next one brings the shared layer to a registry from which it was to go.
        registry.require_login()
        content.untag(registry, Reference(repository, tag))
    print(f"collected in {collected} of {ROUNDS} rounds")
    assert collected > ROUNDS // 2
