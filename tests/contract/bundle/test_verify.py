"""What verify finds: damage anywhere, what is missing, foreign keys; and each item left out."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.bundle.changing import (
    Data,
    changed,
    contents,
    manifest_of,
    problems,
    quiet,
    without,
    written,
)
from tests.contract.bundle.debs import DebArchive
from tests.contract.bundle.site import NAME, REPOSITORY, Site, catalogue
from tests.contract.bundle.upstream import Upstream, serving
from whisklab.bundle import keys, tar, verifying, volume
from whisklab.bundle.parts import part as numbered
from whisklab.engine.data.secrets import SecretStore
from whisklab.images import archives, oci_layout
from whisklab.lab.standins.cache import built
from whisklab.lab.standins.helm import helm as helm_standin
from whisklab.lab.standins.openwhisk import openwhisk as openwhisk_standin

FLIPS = 100
INSTALLED = ("ca-certificates", "conntrack", "curl", "iptables", "jq", "nfs-common",
             "nfs-kernel-server", "python3")  # fmt: skip


@pytest.fixture(scope="module")
def made(
    provisioner_chart: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Site, Path, SecretStore]]:
    """A bundle for both architectures, its directory, and the secrets with its key."""
    directory = tmp_path_factory.mktemp("made")
    with serving(Upstream()) as upstream:
        site = Site(directory / "site", upstream, directory / "cache")
        charts = built(helm_standin(), quiet), built(openwhisk_standin(), quiet)
        site.write(catalogue(upstream, *charts, provisioner_chart))
        archive = DebArchive(upstream, directory / "debs")
        for name in INSTALLED:
            archive.add(name, "1:2.0+b~1", Depends="libc6")
        archive.add("libc6", "2.36")
        archive.publish(architectures=("amd64", "arm64"))
        site.say(
            bundle_packages={"debian-12": [archive.line()]},
            bundle_images=["upstream.example/tool:1"],
            openwhisk_architectures=["amd64", "arm64"],
            releases={"mine": {"chart": str(REPOSITORY / "tests/charts/hello")}},
        )
        bundle = site.build("--arch", "amd64,arm64", "--system", "debian-12")
        yield site, bundle, SecretStore(site.path / ".secrets" / NAME)


Made = tuple[Site, Path, SecretStore]


def test_a_right_one_is_right(made: Made) -> None:
    site, bundle, store = made
    assert problems(bundle, store) == problems(bundle, store, blobs=False) == []
    done = site.run("verify", bundle.name, "--blobs", "--env", NAME)
    assert done.returncode == 0, done.stderr
    assert "right: " in done.stdout


def test_what_a_bundle_holds(made: Made) -> None:
    """Names are whole, platforms are chosen, layers are there once; the list says what is not."""
    site, bundle, _ = made
    manifest = manifest_of(bundle)
    by_name = {(each.kind, each.name): each for each in manifest.items}
    assert [each.architectures for each in manifest.items if each.name == "k3s/k3s"] == [
        ["amd64"], ["arm64"],
    ]  # fmt: skip
    assert by_name["file", "k3s/k3s"].licence == "Apache-2.0"
    assert by_name["file", "k3s/airgap-images"].licence == "unknown"
    etcd = by_name["image", "quay.io/coreos/etcd"]  # of the scheduler, which is off
    assert etcd.architectures == ["amd64", "arm64"]
    assert etcd.upstream
    assert etcd.notes[0].startswith("linux/s390x, 3 attestations left out")
    action = by_name["image", "docker.io/openwhisk/action-nodejs-v14"]
    assert any("RUNTIMES_MANIFEST" in each for each in action.users)
    assert "openwhisk_runtimes" in action.users
    shared = Counter(part for each in manifest.items for part in each.parts)
    most, count = shared.most_common(1)[0]
    assert count > 20
    assert [each.sha256 for each in manifest.blobs].count(most) == 1
    listed = json.loads(site.run("list", f"{NAME}.bundle", "--json").stdout)
    assert listed == json.loads(manifest.text())
    packages = [each for each in manifest.items if each.kind == "package"]
    assert [(each.name, *each.architectures) for each in packages] == [
        (f"debian-12/{name}", architecture)
        for name in sorted([*INSTALLED, "libc6"]) for architecture in ("amd64", "arm64")
    ]  # fmt: skip
    said = site.run("list", f"{NAME}.bundle.manifest").stdout
    assert "not in it: whisklab itself" in said
    assert "not in it: packages of the operating system" not in said
    sbom = json.loads(site.run("list", f"{NAME}.bundle", "--sbom").stdout)
    assert sbom["spdxVersion"] == "SPDX-2.3"
    assert len({each["SPDXID"] for each in sbom["packages"]}) == len(manifest.items)


def test_it_is_an_oci_layout_for_others_too(made: Made) -> None:
    """Our own reader of layouts, which knows nothing of bundles, finds each image whole."""
    _, bundle, _ = made
    with archives.opened(bundle) as source:
        found = {each.names[0]: each for each in oci_layout.images(source)}
    items = [each for each in manifest_of(bundle).items if each.kind == "image"]
    named = {f"{each.name}:{each.version}": each for each in items}
    assert found.keys() == named.keys()
    for name, each in found.items():
        assert each.top.digest == f"sha256:{named[name].sha256}"
        assert each.architectures == set(named[name].architectures)
        assert each.notes == ()


def test_each_flipped_bit_is_named(made: Made, tmp_path: Path) -> None:
    """One bit of a hundred that are drawn; the sentence names the file that has it."""
    _, bundle, store = made
    seed = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))
    print(f"SEED={seed}")
    draw = random.Random(seed)  # noqa: S311  which bits, no secret
    original, spans = bundle.read_bytes(), _spans(bundle)
    # Half of them anywhere, where most are bytes of blobs; half in what is around these.
    around = [each for name, start, end in spans for each in (start, end - 1)]
    places = [draw.randrange(len(original)) for _ in range(FLIPS // 2)]
    places += [draw.choice(around) for _ in range(FLIPS // 2)]
    damaged = tmp_path / "damaged.bundle"
    for place in places:
        bit = 1 << draw.randrange(8)
        data = bytearray(original)
        data[place] ^= bit
        damaged.write_bytes(data)
        name = next((each for each, start, end in spans if start <= place < end), "its end")
        said = "\n".join(_said(damaged, store))
        wanted = name.removeprefix(tar.BLOBS)
        signed = name in (tar.MANIFEST, tar.SIGNATURE)
        assert wanted in said or (signed and tar.SIGNATURE in said), (seed, place, bit, name, said)


def _said(bundle: Path, store: SecretStore) -> list[str]:
    try:
        return problems(bundle, store)
    except Exception as error:  # noqa: BLE001  what is damaged at its beginning is bad input
        return [str(error)]


def _spans(bundle: Path) -> list[tuple[str, int, int]]:
    found, offset = [], 0
    for name, data in contents(bundle).items():
        end = offset + tar.Entry(name, len(data)).span
        found.append((name, offset, end))
        offset = end
    return found


def test_a_truncated_one_says_where_it_ends(made: Made, tmp_path: Path) -> None:
    _, bundle, store = made
    whole = bundle.read_bytes()
    short = tmp_path / "short.bundle"
    for name, start, end in [*_spans(bundle)[2:40:7], *_spans(bundle)[-3:]]:
        for cut in (start, start + 100, end - 1):
            short.write_bytes(whole[:cut])
            said = "\n".join(problems(short, store))
            assert name.removeprefix(tar.BLOBS) in said, (name, cut)
            assert f"{len(whole) - cut} are missing" in said
    short.write_bytes(whole[:-700])
    assert "before its end" in problems(short, store)[0]
    short.write_bytes(whole + b"x")
    assert "more follows it" in problems(short, store)[0]


def test_each_blob_left_out_of_the_archive_is_named(made: Made) -> None:
    """Forty that are drawn: each is the same for the reader, and takes the time of all."""
    _, bundle, store = made
    files = contents(bundle)
    names = [each for each in files if each.startswith(tar.BLOBS)]
    for name in random.SystemRandom().sample(names, 40):
        fewer = {key: data for key, data in files.items() if key != name}
        said = problems(written(bundle.with_name("fewer.bundle"), fewer), store, blobs=False)
        assert [name.removeprefix(tar.BLOBS) in each for each in said] == [True], (name, said)


def test_each_item_left_out_by_the_builder_is_named(made: Made) -> None:
    """The need of it is in the manifest still; the environment, asked again, names it as well."""
    site, bundle, store = made
    items = manifest_of(bundle).items
    assert {each.kind for each in items} == {"file", "chart", "image", "package"}
    for index, item in enumerate(items):

        def change(data: Data, files: dict[str, bytes], index: int = index) -> None:
            without(data, files, index, need=False)

        said = problems(changed(bundle, store, change), store, blobs=False)
        assert len(said) == 1, said
        assert str(item) in said[0]
        assert "the bundle has it not" in said[0]
    done = subprocess.run(
        [sys.executable, "-m", "tests.contract.bundle.leaving_out", str(bundle)],
        cwd=site.path, env=site.environment, capture_output=True, text=True, check=True,
    )  # fmt: skip
    found = json.loads(done.stdout)
    assert found.pop("") == []
    assert len(found) == len(items)
    for item in items:
        (said_of,) = found[" ".join(item.key)]
        assert str(item) in said_of


def test_each_layer_of_an_image_left_out_is_named(made: Made) -> None:
    _, bundle, store = made
    item = next(each for each in manifest_of(bundle).items if each.name.endswith("/tool"))
    for part in item.parts:

        def change(data: Data, files: dict[str, bytes], part: str = part) -> None:
            for each in data["items"]:
                if part in each["parts"]:
                    size = next(one["size"] for one in data["blobs"] if one["sha256"] == part)
                    each["parts"].remove(part)
                    each["size"] -= size
            data["blobs"] = [each for each in data["blobs"] if each["sha256"] != part]
            files.pop(tar.BLOBS + part)

        said = problems(changed(bundle, store, change), store)
        assert any(part in each and str(item) in each for each in said), (part, said)


def test_what_is_beside_is_named(made: Made) -> None:
    _, bundle, store = made
    files = contents(bundle)
    index = [*files].index(next(each for each in files if each.startswith(tar.BLOBS)))
    more = dict([*list(files.items())[:index], ("evil", b"x"), *list(files.items())[index:]])
    (said,) = problems(written(bundle.with_name("more.bundle"), more), store)
    assert said.startswith("evil: is in the archive")


def test_who_signed_it(made: Made, tmp_path: Path) -> None:
    site, bundle, _ = made
    other = SecretStore(tmp_path / "theirs")
    theirs = keys.signer(other)
    with volume.opened(bundle) as found:
        verdict = verifying.verify(found, theirs.public_key(), quiet, blobs=False)
    (said,) = verdict.problems
    assert "is by the key SHA256:" in said
    assert keys.fingerprint_of(theirs.public_key()) in said
    public = other.path(keys.PUBLIC)
    done = site.run("verify", bundle.name, "--key", str(public))
    assert (done.returncode, done.stdout) == (1, "")
    assert "is by the key SHA256:" in done.stderr
    mine = site.path / ".secrets" / NAME / keys.PUBLIC
    assert site.run("verify", str(bundle), "--key", str(mine)).returncode == 0
    assert (site.path / ".secrets" / NAME / keys.KEY).stat().st_mode & 0o777 == 0o600


def test_bad_input(made: Made, tmp_path: Path) -> None:
    site, bundle, _ = made
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    for arguments, said in (
        (("verify", "none.bundle"), "no such bundle"),
        (("verify", str(empty)), "is no bundle"),
        (("list", str(site.path / "config.py")), "is no bundle"),
        (("verify", str(bundle), "--key", str(empty)), "is no public key"),
        (("build", NAME, "--arch", "amd64,riscv"), "--arch: riscv: expected some of"),
        (("build", NAME, "--system", "debian"), "--system: debian: expected ID and VERSION_ID"),
        (("build", NAME, "--system", "debian-1"), "nobody says where its packages are"),
        (("build", NAME, "--split", "12"), "--split: 12: expected"),
        (("build", NAME, "-o", str(tmp_path / "none/x")), "is no directory"),
        (("build", "nobody"), "no such inventory"),
    ):
        done = site.run(*arguments)
        assert (done.returncode, said in done.stderr) == (2, True), (arguments, done)
        assert "Traceback" not in done.stderr
    _an_account_without_its_password(site)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    copied = Site(elsewhere, site.upstream, site.cache)
    done = copied.run("verify", str(bundle))
    assert (done.returncode, "--key" in done.stderr) == (2, True), done.stderr


def _an_account_without_its_password(site: Site) -> None:
    data = site.path / f"group_data/{NAME}.py"
    before = data.read_text()
    data.write_text(f'{before}\nbundle_accounts = {{"docker.io": "somebody"}}\n')
    done = site.run("build", NAME)
    data.write_text(before)
    file = f".secrets/{NAME}/upstream_docker.io"
    assert (done.returncode, f"{file}: not there" in done.stderr) == (2, True), done.stderr
    assert "write the password of the account somebody at docker.io into it" in done.stderr


def test_parts(made: Made) -> None:
    site, bundle, store = made
    directory = bundle.parent / "parts"
    directory.mkdir()
    done = site.run("build", NAME, "--arch", "amd64,arm64", "--system", "debian-12",
                    "--split", "1M", "-o", "parts/split.bundle")  # fmt: skip
    assert done.returncode == 0, done.stderr
    whole = directory / "split.bundle"
    files = sorted(directory.glob("split.bundle.0*"))
    assert b"".join(each.read_bytes() for each in files) == bundle.read_bytes()
    assert {each.stat().st_size for each in files[:-1]} == {1 << 20}
    assert problems(whole, store) == problems(files[0], store) == []
    second, last = numbered(whole, 2), files[-1]
    saved = second.read_bytes()
    second.unlink()
    (said,) = problems(whole, store)
    assert said.startswith(f"{second}: this part is missing")
    second.write_bytes(saved[:-4096])
    (said,) = problems(whole, store)
    assert said.startswith(f"{second}: has {(1 << 20) - 4096} bytes")
    second.write_bytes(saved)
    kept = last.read_bytes()
    last.unlink()
    (said,) = problems(whole, store)
    assert f"the parts behind {files[-2]}" in said
    last.write_bytes(kept)
    numbered(whole, 1).unlink()
    done = site.run("verify", "parts/split.bundle")
    assert done.returncode == 2
    assert "split.bundle.001: this part is missing" in done.stderr
