"""A bundle's images into the real registry, as nodes find them there; what is sent is counted."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.contract.bundle.carrying import Builder, upload
from tests.contract.bundle.upstream import Upstream
from tests.contract.registry import making
from tests.contract.registry.conftest import behind, doors, program, registry, relay, uploads
from tests.contract.registry.doors import Doors
from tests.contract.registry.memory import limited
from tests.contract.registry.pushing import opened
from tests.contract.registry.relay import Relay
from whisklab.bundle import keys, uploading
from whisklab.bundle.manifest import Manifest
from whisklab.engine.registries.secrets import PUSHER
from whisklab.errors import BadInput, WhisklabError
from whisklab.images import content
from whisklab.images.client import Registry
from whisklab.images.manifests import ACCEPTED
from whisklab.images.pieces import PART

__all__ = ["behind", "doors", "program", "registry", "relay", "uploads"]  # fixtures

TAGGED = ["busybox:1.36", "quay.io/team/tool:2", "registry.k8s.io/sig/storage/provisioner:v4"]
# Of logins, headers and questions, but no blob: the smallest is larger than what one of these has.
AROUND = 64 << 10
MB = 1 << 20
LARGE, MEMORY = 300, 200  # MB


@pytest.fixture
def builder(tmp_path: Path, upstream: Upstream, monkeypatch: pytest.MonkeyPatch) -> Builder:
    """Whose cache is not that of the laptop inside."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return Builder(tmp_path, upstream)


def found(doors: Doors, repository: str, reference: str, upstream: str = "docker.io") -> str:
    """Pull an image as containerd does of a mirror, down to its layers; returns its digest."""
    path = f"/v2/{repository}/manifests/{reference}?ns={upstream}"
    top = doors.get(path, ACCEPTED)
    assert top.status_code == 200, top.text
    todo = [top.json()]
    while todo:
        each = todo.pop()
        for child in each.get("manifests", []):
            answer = doors.get(f"/v2/{repository}/manifests/{child['digest']}", ACCEPTED)
            assert making.digest(answer.content) == child["digest"]
            todo.append(answer.json())
        for blob in [*each.get("layers", []), *filter(None, [each.get("config")])]:
            data = doors.get(f"/v2/{repository}/blobs/{blob['digest']}?ns={upstream}").content
            assert making.digest(data) == blob["digest"]
    return making.digest(top.content)


def layers(manifest: Manifest, upstream: Upstream) -> int:
    """Bytes of all configurations and layers of a bundle, each once."""
    return sum(
        len(upstream.blobs[f"sha256:{each.sha256}"])
        for each in manifest.blobs
        if f"sha256:{each.sha256}" in upstream.blobs
    )


def test_each_image_is_found_by_its_tag_and_a_pinned_index_by_its_digest(
    builder: Builder, doors: Doors, registry: Registry, uploads: Path
) -> None:
    index = builder.upstream.add("team/pinned", "1", 77)
    pinned = f"ghcr.io/team/pinned@{making.digest(index)}"
    both = f"quay.io/team/both:3@{making.digest(builder.upstream.add('team/both', '3', 78))}"
    bundle = builder.build("all", [*TAGGED, pinned, both], ("amd64", "arm64"))
    manifest = builder.manifest(bundle)
    done = upload(bundle, manifest, registry, uploads)
    tops = {each.name: f"sha256:{each.sha256}" for each in manifest.items}
    for repository, tag in (
        ("library/busybox", "1.36"), ("team/tool", "2"), ("sig/storage/provisioner", "v4"),
    ):  # fmt: skip
        (top,) = [digest for name, digest in tops.items() if name.endswith(f"/{repository}")]
        assert found(doors, repository, tag) == found(doors, repository, top) == top
    for text in (pinned, both):
        repository = text.partition("/")[2].partition("@")[0].partition(":")[0]
        digest = text.partition("@")[2]
        assert found(doors, repository, digest, "ghcr.io") == digest
        assert found(doors, repository, f"pinned-{digest[7:19]}") == digest  # outlives gc
    assert len(done) == len(tops)
    assert not doors.under_way()


def test_what_several_images_share_is_sent_once_and_a_second_upload_sends_nothing(
    builder: Builder, doors: Doors, behind: Registry, relay: Relay, uploads: Path
) -> None:
    bundle = builder.build("all", TAGGED)
    manifest = builder.manifest(bundle)
    done = upload(bundle, manifest, behind, uploads)
    assert sum(each.sent for each in done) == layers(manifest, builder.upstream)
    sent, relay.up = relay.up, 0
    again = upload(bundle, manifest, behind, uploads)
    assert [each.sent for each in again] == [0, 0, 0]
    assert sum(each.skipped for each in again) > sum(each.sent for each in done)
    assert relay.up < AROUND < sent
    assert found(doors, "team/tool", "2")


def test_of_an_image_with_one_other_layer_that_layer_is_sent(
    builder: Builder, doors: Doors, registry: Registry, uploads: Path
) -> None:
    base, old, new = (making.layer(seed, 200_000) for seed in (1, 2, 3))
    builder.upstream.put("team/tool", "2", making.image([base, old]))
    first = builder.build("first", ["quay.io/team/tool:2"])
    upload(first, builder.manifest(first), registry, uploads)
    changed = making.image([base, new])
    builder.upstream.put("team/tool", "2", changed)
    second = builder.build("second", ["quay.io/team/tool:2"])
    (done,) = upload(second, builder.manifest(second), registry, uploads)
    assert done.sent == len(new) + len(making.config([base, new]))
    assert found(doors, "team/tool", "2") == changed.digest


def test_a_continued_bundle_goes_where_the_first_one_is_and_names_all_that_lacks_elsewhere(
    builder: Builder, doors: Doors, registry: Registry, uploads: Path
) -> None:
    base, own, other = (making.layer(seed, 90_000) for seed in (4, 5, 6))
    builder.upstream.put("team/tool", "2", making.image([base, own]))
    first = builder.build("first", ["quay.io/team/tool:2", "busybox:1.36"])
    changed = making.image([base, other])
    builder.upstream.put("team/tool", "2", changed)
    # Its base is only where another image of the first bundle has it.
    builder.upstream.put("team/late", "1", making.image([base, making.layer(7, 50_000)]))
    images = ["quay.io/team/tool:2", "busybox:1.36", "quay.io/team/late:1"]
    second = builder.build("second", images, since=first)
    manifest = builder.manifest(second)
    with pytest.raises(WhisklabError) as raised:
        upload(second, manifest, registry, uploads)
    (said,) = str(raised.value).splitlines()  # its manifests are not in the bundle, either
    assert said.startswith("image docker.io/library/busybox 1.36: its manifest sha256:")
    assert said.endswith("the registry has it not: upload that one first")
    only = builder.build("only", ["quay.io/team/tool:2", "quay.io/team/late:1"], since=first)
    with pytest.raises(WhisklabError) as raised:
        upload(only, builder.manifest(only), registry, uploads)
    assert f"its layer {making.digest(base)} is neither in {only} nor in" in str(raised.value)
    assert {line.partition(": ")[0] for line in str(raised.value).splitlines()} == {
        "team/late:1", "team/tool:2",
    }  # fmt: skip
    assert not list((doors.data / "docker").rglob("data"))  # nothing was sent
    upload(first, builder.manifest(first), registry, uploads)
    done = {each.name: each.sent for each in upload(second, manifest, registry, uploads)}
    assert done["library/busybox:1.36"] == 0
    assert done["team/tool:2"] == len(other) + len(making.config([base, other]))
    assert done["team/late:1"] < len(base)
    assert found(doors, "team/tool", "2") == changed.digest
    assert found(doors, "team/late", "1")


def test_a_bundle_of_parts_is_the_same(
    builder: Builder, doors: Doors, registry: Registry, uploads: Path
) -> None:
    builder.upstream.put("team/tool", "2", making.image([making.layer(8, 3_000_000)]))
    bundle = builder.build("parts", ["quay.io/team/tool:2"], split=1 << 20)
    assert not bundle.exists()
    upload(bundle, builder.manifest(bundle), registry, uploads)
    assert found(doors, "team/tool", "2")


def test_two_upstreams_with_one_name_are_refused_unless_it_is_one_image(
    builder: Builder, registry: Registry, uploads: Path
) -> None:
    builder.upstream.put("team/tool", "2", making.image([making.layer(9, 5000)]))
    names = ["quay.io/team/tool:2", "ghcr.io/team/tool:2"]
    bundle = builder.build("same", names)
    manifest = builder.manifest(bundle)
    assert len(upload(bundle, manifest, registry, uploads)) == 2
    data = json.loads(manifest.text())
    data["items"][0]["sha256"] = hashlib.sha256(b"another").hexdigest()
    with pytest.raises(BadInput) as raised:
        upload(bundle, Manifest.model_validate(data), registry, uploads)
    assert str(raised.value).startswith(
        "image quay.io/team/tool 2: would be team/tool:2 in the registry, as image ghcr.io/team/"
        "tool 2 would, and they differ: have one"
    )


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_an_upload_that_was_cut_goes_on_there(
    builder: Builder, doors: Doors, behind: Registry, relay: Relay, uploads: Path, share: float,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr("whisklab.images.uploads.TRIES", 1)  # else it waits for the line to be back
    size = 4_000_000
    builder.upstream.put("team/tool", "2", making.image([making.layer(10, size)]))
    bundle = builder.build("cut", ["quay.io/team/tool:2"])
    manifest = builder.manifest(bundle)
    relay.cut_after(int(size * share), for_good=True)
    with pytest.raises(WhisklabError, match=r"^the registry at https://127\.0\.0\.1:\d+ does not"):
        upload(bundle, manifest, behind, uploads)
    relay.let_in()
    (done,) = upload(bundle, manifest, behind, uploads)
    # What the kernel had taken when the line broke is sent again.
    assert done.sent < size * (1 - share) + 0.4 * size
    assert found(doors, "team/tool", "2")
    assert not doors.under_way()


def test_a_large_bundle_killed_on_its_way_needs_little_memory_and_goes_on(
    builder: Builder, doors: Doors, relay: Relay, uploads: Path
) -> None:
    """Its program is held to the memory by the kernel; of each kill a part may go twice."""
    made = making.image([making.layer(30 + number, LARGE * MB // 3) for number in range(3)])
    builder.upstream.put("team/large", "1", made)
    bundle = builder.build("large", ["quay.io/team/large:1"])
    builder.upstream.blobs.clear()
    size = sum(map(len, made.blobs.values()))
    key, url = builder.store.path(keys.PUBLIC), f"https://127.0.0.1:{relay.port}"
    program = [sys.executable, "-m", "tests.contract.bundle.carrying"]
    argv = [*program, *map(str, (bundle, key, url, doors.ca, uploads))]
    password = f"{doors.known.passwords[PUSHER]}\n"
    with limited(MEMORY) as through:
        process = subprocess.Popen([*through, *argv], stdin=subprocess.PIPE, text=True)
        assert process.stdin
        process.stdin.write(password)
        process.stdin.close()
        while relay.up < size // 2:
            assert process.poll() is None
            time.sleep(0.02)
        process.kill()
        process.wait()
        done = subprocess.run([*through, *argv], input=password, text=True, check=True,
                              stdout=subprocess.PIPE)  # fmt: skip
    (image,) = json.loads(done.stdout)
    assert image["sent"] <= size // 2 + PART
    assert relay.up <= size + PART + size // 100 + AROUND  # TLS has its part
    assert found(doors, "team/large", "1") == made.digest
    assert not doors.under_way()


def test_two_uploads_at_once_both_end_well(builder: Builder, doors: Doors, tmp_path: Path) -> None:
    one = builder.build("one", TAGGED[:2])
    two = builder.build("two", TAGGED[1:])
    manifests = [builder.manifest(each) for each in (one, two)]
    doors_open = [
        opened(doors.url(doors.push), doors.ca, doors.known.passwords[PUSHER]) for _ in manifests
    ]
    with ThreadPoolExecutor(2) as pool:
        work = zip((one, two), manifests, doors_open, ("one", "two"), strict=True)
        for each in [pool.submit(upload, a, b, c, tmp_path / d) for a, b, c, d in work]:
            each.result()
    assert all(found(doors, *each) for each in (
        ("library/busybox", "1.36"), ("team/tool", "2"), ("sig/storage/provisioner", "v4"),
    ))  # fmt: skip
    assert not doors.under_way()


def test_a_wrong_password_is_said_and_nothing_is_sent(
    builder: Builder, doors: Doors, uploads: Path
) -> None:
    bundle = builder.build("all", TAGGED[:1])
    stranger = opened(doors.url(doors.push), doors.ca, "wrong")
    with pytest.raises(WhisklabError, match=r"does not know the account push with the password in"):
        upload(bundle, builder.manifest(bundle), stranger, uploads)
    assert not list((doors.data / "docker").rglob("data"))


def test_what_a_registry_does_not_take_over_is_said_and_not_there(registry: Registry) -> None:
    digest = making.digest(b"nobody has it")
    assert not content.mount(registry, "team/tool", digest, "team/other")
    assert not content.has_blob(registry, "team/tool", digest)


def test_a_registry_that_is_not_there_yet_is_said_with_what_makes_it(
    doors: Doors, registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    uploading.require_registry(registry, "closed")
    doors.stop(doors.push)
    monkeypatch.setattr("whisklab.images.client.STARTS_WITHIN", 0.5)
    with pytest.raises(WhisklabError) as raised:
        uploading.require_registry(registry, "closed")
    assert str(raised.value).startswith(f"the registry at {registry.access.url} does not answer: ")
    assert str(raised.value).endswith(
        "; where it was never deployed, `whisklab apply closed --only base,authority,registry` "
        "does that from this laptop's cache"
    )
