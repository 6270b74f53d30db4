"""Building as a user does, from sources on loopback: same bytes, resumed, only what is new."""

from __future__ import annotations

import errno
import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
import yaml

from tests.contract.bundle.changing import contents, manifest_of, problems
from tests.contract.bundle.site import NAME, REPOSITORY, Site, entry
from tests.contract.bundle.upstream import Upstream
from tests.contract.registry import making
from tests.contract.registry.memory import limited
from whisklab.bundle import output, tar
from whisklab.engine.data.secrets import SecretStore
from whisklab.errors import BadInput

TOOL = "upstream.example/tool:1"


def alone(site: Site, **more: object) -> None:
    """An environment with one image, so that a build is quick."""
    site.say(**{
        "openwhisk_enabled": False, "provisioner_enabled": False, "bundle_images": [TOOL], **more
    })  # fmt: skip


def store(site: Site) -> SecretStore:
    return SecretStore(site.path / ".secrets" / NAME)


def test_the_same_lock_gives_the_same_bytes(site: Site, tmp_path: Path) -> None:
    site.say(releases={"mine": {"chart": str(REPOSITORY / "tests/charts/hello")}})
    first = site.build()
    other = site.copied(tmp_path / "another/place", tmp_path / "other-cache")
    umask = ("sh", "-c", 'umask 077; exec "$@"', "sh")
    done = other.run("build", NAME, prefix=umask, TZ="Asia/Tokyo", LANG="C", LC_ALL="C")
    assert done.returncode == 0, done.stderr
    second = other.path / first.name
    assert first.read_bytes() == second.read_bytes()
    assert (first.stat().st_mode, second.stat().st_mode) == (0o100644, 0o100600)
    here = str(tmp_path).encode()
    described = [data for name, data in contents(first).items() if not name.startswith(tar.BLOBS)]
    assert not [data for data in described if here in data or (site.upstream.url.encode() in data
                and b"/v2/" in data)]  # fmt: skip


def test_only_what_is_new(site: Site) -> None:
    """A delta holds at most one per cent more than the changed blobs; more changes, more bytes."""
    alone(site)
    old = site.build()
    kept = old.rename(site.path / "old.bundle")
    (site.path / f"{NAME}.bundle.manifest").rename(site.path / "old.manifest")
    site.upstream.add("tool", "2", seed=7, size=8_000_000)
    site.say(bundle_images=["upstream.example/tool:2"])
    whole = site.build()
    full = manifest_of(whole)
    before = {each.sha256 for each in manifest_of(kept).blobs}
    new = sum(each.size for each in full.blobs if each.sha256 not in before)
    for since in ("old.manifest", "old.bundle"):
        delta = site.build("--since", since)
        assert delta.stat().st_size <= new * 1.01
        assert {each.sha256 for each in manifest_of(delta).present}.isdisjoint(before)
        assert problems(delta, store(site)) == []
        assert "new since the manifest" in site.run("verify", delta.name).stdout
    assert manifest_of(delta).blobs == full.blobs
    told = site.run("diff", "old.bundle", delta.name).stdout.splitlines()
    assert told[:2] == [
        "added: image upstream.example/tool 2 (8 MB)", "removed: image upstream.example/tool 1",
    ]  # fmt: skip
    assert told[-1].startswith("to carry: ")
    changed = json.loads(site.run("diff", "old.bundle", delta.name, "--sbom").stdout)
    assert [each["versionInfo"] for each in changed["packages"]] == ["2"]
    assert site.run("diff", delta.name, delta.name).stdout == "no difference\n"
    assert "(--system debian-12)" in site.run("list", delta.name).stdout


def test_a_killed_build_goes_on(site: Site, upstream: Upstream) -> None:
    """Killed at drawn points, until one ends: no byte that has come is fetched again."""
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"SEED={seed}")
    draw = random.Random(seed)  # noqa: S311  when, no secret
    size = 3_000_000
    for number in range(4):
        upstream.add(f"big{number}", "1", seed=50 + number, size=size)
    alone(site, bundle_images=[f"upstream.example/big{number}:1" for number in range(4)])
    upstream.pause = 0.004
    came: dict[str, int] = {}
    for _ in range(6):
        known = len(upstream.requests)
        process = subprocess.Popen(
            site.argv("build", NAME), cwd=site.path, env=site.environment, start_new_session=True,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        until = known + draw.randrange(1, 14)
        while process.poll() is None and len(upstream.requests) < until:
            time.sleep(0.005)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        _require_continued(upstream, known, came, seed)
        came = _came(site)
    known = len(upstream.requests)
    bundle = site.build()
    _require_continued(upstream, known, came, seed)
    assert problems(bundle, store(site)) == []
    tags = Counter(path for path, _ in upstream.requests if path.endswith("/manifests/1"))
    assert sum(tags.values()) <= len(tags) + 6, (seed, tags)  # one of each kill, at most


def _came(site: Site) -> dict[str, int]:
    """Bytes that have come of each blob."""
    return {
        path.parent.name: path.stat().st_size
        for path in site.cache.glob("whisklab/artifacts/*/blob*")
        if not path.name.endswith(".from")
    }


def _require_continued(upstream: Upstream, known: int, came: dict[str, int], seed: int) -> None:
    """No byte that has come is asked for again."""
    for path, part in upstream.requests[known:]:
        size = came.get(path.rpartition("sha256:")[2], 0)
        if "/blobs/" in path and size:
            assert part == f"bytes={size}-", (seed, path)


def test_what_upstream_has_deleted(site: Site, upstream: Upstream, tmp_path: Path) -> None:
    """An earlier bundle has it still: with that and an empty cache, the same bytes, unasked."""
    alone(site)
    before = site.build().rename(site.path / "old.bundle")
    upstream.manifests.clear()
    upstream.has = lambda _repository, _tag: False
    known = len(upstream.requests)
    later = Site(site.path, upstream, tmp_path / "empty", site.data)
    done = later.run("build", NAME)
    assert (done.returncode, "answers 404" in done.stderr) == (1, True), done.stderr
    upstream.files.clear()
    known = len(upstream.requests)
    emptier = Site(site.path, upstream, tmp_path / "emptier", site.data)
    assert emptier.build("--from", "old.bundle").read_bytes() == before.read_bytes()
    assert upstream.requests[known:] == []
    data = bytearray(before.read_bytes())
    data[-2000] ^= 1
    before.write_bytes(data)
    again = Site(site.path, upstream, tmp_path / "again", site.data)
    done = again.run("build", NAME, "--from", "old.bundle")
    assert (done.returncode, "is damaged: verify it" in done.stderr) == (1, True), done.stderr


def test_images_in_an_archive_of_the_catalogue(site: Site, upstream: Upstream) -> None:
    """They are carried as that file; no registry is asked for them."""
    alone(site)
    files = making.single(making.image([making.layer(1, 500)]), TOOL)
    data = making.written(site.path / "images.tar", files).read_bytes()
    path = site.path / "files/catalogue.yaml"
    catalogue = yaml.safe_load(path.read_text())
    held = {"images": {"amd64": entry(upstream, "/images.tar", data)}}
    catalogue["tools"] = {"default": "1", "versions": {"1": held}}
    path.write_text(yaml.safe_dump(catalogue))
    bundle = site.build()
    assert upstream.counted("/v2/") == []
    kinds = {(each.kind, each.name) for each in manifest_of(bundle).items}
    assert ("file", "tools/images") in kinds
    assert "image" not in {kind for kind, _ in kinds}
    assert problems(bundle, store(site)) == []


def test_an_unfinished_bundle_is_none(site: Site) -> None:
    """What fails while it is written leaves the last one, and no rest."""
    alone(site)
    bundle = site.build()
    before = bundle.read_bytes()
    site.say(bundle_images=[TOOL, "upstream.example/further:1"])
    limited = ("sh", "-c", 'ulimit -f 8; exec "$@"', "sh")  # 512-byte blocks, or 1024
    # The cache is filled first: the limit is for its files, too.
    site.build("-o", "elsewhere.bundle")
    done = site.run("build", NAME, prefix=limited)
    assert done.returncode == 2, done.stderr
    assert "are more than one file may have there: build parts (--split 2G)" in done.stderr
    assert bundle.read_bytes() == before
    assert not list(site.path.glob(".*unfinished"))


@pytest.mark.parametrize(
    ("size", "limit", "refused"),
    [(5 << 30, 4 << 30, True), (5 << 30, 6 << 30, False), (3 << 30, 1, False)],
)
def test_a_stick_with_a_limit_for_one_file_is_known_before_the_first_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, limit: int, *, refused: bool
) -> None:
    """As FAT32 refuses what is larger than 4 GB; what is smaller is not tried, it takes time."""

    def ftruncate(_: int, length: int) -> None:
        if length >= limit:
            raise OSError(errno.EFBIG, "File too large")

    monkeypatch.setattr(os, "ftruncate", ftruncate)
    if refused:
        with pytest.raises(BadInput, match="5369 MB are more than one file may have there"):
            output.require_size(tmp_path / "a.bundle", size)
    else:
        output.require_size(tmp_path / "a.bundle", size)
    assert list(tmp_path.iterdir()) == []


def test_a_damaged_cache_is_noticed(site: Site) -> None:
    alone(site)
    site.build()
    victim = max(site.cache.glob("whisklab/artifacts/*/blob"), key=lambda path: path.stat().st_size)
    data = bytearray(victim.read_bytes())
    data[99] ^= 1
    victim.write_bytes(data)
    done = site.run("build", NAME)
    assert done.returncode == 1
    assert done.stderr.strip().splitlines()[-1].startswith(f"whisklab: {victim}: has other bytes")
    victim.unlink()
    site.build()


def test_memory_does_not_grow_with_the_bundle(site: Site, upstream: Upstream) -> None:
    """300 MB of one layer; building and verifying the kernel ends who needs 200 MB."""
    big = making.image([bytes(300_000_000)])
    upstream.put("big", "1", big)
    alone(site, bundle_images=["upstream.example/big:1"])
    with limited(200) as through:
        for arguments in (("build", NAME), ("verify", f"{NAME}.bundle", "--blobs")):
            done = site.run(*arguments, prefix=through)
            assert done.returncode == 0, done.stderr


_TOLD = """\
apiVersion: v1
kind: Pod
metadata: {name: {{ .Release.Name }}}
spec:
  initContainers: [{name: wait, image: busybox}]
  containers:
    - name: one
      image: upstream.example/demo/operator:1.4.0@DIGEST
      args: ["--reloader-image=upstream.example/demo/reloader:v0.9", "--runner=team/runner:1"]
      env:
        - {name: SIDE_REPOSITORY, value: upstream.example/demo/side}
        - {name: SIDE_TAG, value: "3"}
        - {name: RUNTIMES, value: '{"nodejs":[{"image":{"prefix":"demo","name":"js","tag":"1"}}]}'}
"""


def test_images_that_nobody_listed(site: Site) -> None:
    """A user's chart names five where no search for `image:` finds them, and one is a doubt."""
    chart = site.path / "chart"
    (chart / "templates").mkdir(parents=True)
    (chart / "Chart.yaml").write_text("apiVersion: v2\nname: told\nversion: 1.0.0\n")
    digest = making.digest(site.upstream.add("demo/operator", "1.4.0", seed=4))
    (chart / "templates/pod.yaml").write_text(_TOLD.replace("DIGEST", digest))
    alone(site, bundle_images=[], releases={"mine": {"chart": "chart"}})
    done = site.run("build", NAME)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1] == (
        "whisklab: release mine: Pod/mine spec.containers[0].args[1]: 'team/runner:1' looks like "
        "an image and was not understood: put the image into bundle_images, or the text into "
        "bundle_ignored if it is none"
    )
    alone(site, bundle_images=[], bundle_ignored=["team/runner:1"])
    bundle = site.build()
    names = {f"{each.name}:{each.version}" for each in manifest_of(bundle).items
             if each.kind == "image"}  # fmt: skip
    assert names == {
        "docker.io/library/busybox:latest", f"upstream.example/demo/operator:1.4.0@{digest}",
        "upstream.example/demo/reloader:v0.9", "upstream.example/demo/side:3",
        "docker.io/demo/js:1",
    }  # fmt: skip
    assert "all of that is carried" in site.run("list", bundle.name).stdout
    assert problems(bundle, store(site)) == []
    chart.joinpath("templates/pod.yaml").write_text("kind: {{ fail `no way` }}")
    done = site.run("build", NAME)
    assert (done.returncode, "release mine: " in done.stderr, "no way" in done.stderr) == (
        2, True, True,
    )  # fmt: skip


def test_a_lock_that_lacks_something(site: Site) -> None:
    """What nobody has locked is locked by the build; another checksum is another bundle."""
    alone(site)
    site.build()
    locked = yaml.safe_load((site.path / "files/catalogue.images.lock.yaml").read_text())
    assert list(locked) == [TOOL]
    site.upstream.add("tool", "1", seed=9)  # the tag has moved, the lock has not
    again = site.build()
    assert manifest_of(again).items[-1].upstream == locked[TOOL]["digest"]
    path = site.path / "files/catalogue.yaml"
    catalogue = yaml.safe_load(path.read_text())
    entry = catalogue["wsk"]["versions"]["v1.0.0"]["wsk"]["amd64"]
    entry["sha256"] = "0" * 64
    path.write_text(yaml.safe_dump(catalogue))
    done = site.run("verify", again.name, "--env", NAME)
    assert done.returncode == 1
    assert "file wsk/wsk v1.0.0: has the SHA-256" in done.stderr
    done = site.run("build", NAME)
    assert done.returncode == 1
    assert "the catalogue says " + "0" * 64 in done.stderr
