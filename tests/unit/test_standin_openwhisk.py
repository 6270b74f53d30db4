"""Images of a distribution's packages: what goes into their layer, and what shares it."""

from __future__ import annotations

import gzip
import io
import json
import os
import tarfile
from pathlib import Path
from typing import Any

import pytest

from whisklab.errors import WhisklabError
from whisklab.lab.standins import debian
from whisklab.lab.standins.cache import SOURCES
from whisklab.lab.standins.images import Image, write_bundle
from whisklab.lab.standins.openwhisk import full_name, roles


@pytest.mark.parametrize(
    ("image", "full"),
    [
        ("redis:4.0", "docker.io/library/redis:4.0"),
        ("openwhisk/controller:ef725a6", "docker.io/openwhisk/controller:ef725a6"),
        ("quay.io/coreos/etcd:v3.4.0", "quay.io/coreos/etcd:v3.4.0"),
        ("10.0.0.14:5000/openwhisk/invoker:1", "10.0.0.14:5000/openwhisk/invoker:1"),
    ],
)
def test_an_image_has_the_name_that_containerd_gives_it(image: str, full: str) -> None:
    assert full_name(image) == full


def test_each_image_of_the_chart_plays_its_part() -> None:
    found = roles(SOURCES / "openwhisk")
    assert found["openwhisk/ow-utils:ef725a6"] is None
    assert found["apache/couchdb:2.3"] == "couchdb"
    assert found["wurstmeister/kafka:2.12-2.3.1"] == found["fatal69100/kafka:2.8.1"] == "kafka"
    assert found["openwhisk/alarmprovider:2.3.0"] == "alarmprovider"
    assert found["openwhisk/action-nodejs-v14:1.20.0"] == "runtime-nodejs"
    assert found["openwhisk/action-python-v3.7:1.17.0"] == "runtime-python"


def system(root: Path) -> Path:
    """A small system as older packages unpack: with a /bin of its own."""
    for name, text in {
        "bin/sh": "sh", "usr/bin/node": "node", "usr/share/doc/node/copyright": "words",
        "usr/share/locale/de/x": "words", "usr/lib/x86_64-linux-gnu/gconv/a.so": "a",
        "usr/share/ca-certificates/mozilla/b.crt": "B", "usr/share/ca-certificates/mozilla/a.crt":
        "A", "etc/passwd": "of a package", "etc/motd": "hello",
    }.items():  # fmt: skip
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    (root / "bin" / "sh").chmod(0o4755)
    (root / "usr" / "bin" / "nodejs").symlink_to("node")
    return root


def content(layer: Path) -> dict[str, Any]:
    with tarfile.open(layer) as archive:
        names = archive.getnames()
        assert len(names) == len(set(names))
        files = {member.name: archive.extractfile(member) for member in archive if member.isfile()}
        links = {member.name: member.linkname for member in archive if member.issym()}
        return links | {name: found.read().decode() for name, found in files.items() if found}


def test_a_layer_is_merged_and_has_no_documents(tmp_path: Path) -> None:
    debian.write_layer(system(tmp_path / "root"), tmp_path / "layer.tar")
    found = content(tmp_path / "layer.tar")
    assert {found[name] for name in ("bin", "lib", "lib64", "sbin")} == {
        "usr/bin", "usr/lib", "usr/lib64", "usr/sbin",
    }  # fmt: skip
    assert (found["usr/bin/sh"], found["usr/bin/nodejs"]) == ("sh", "node")
    assert found["etc/ssl/certs/ca-certificates.crt"] == "AB"
    assert found["etc/passwd"].startswith("root:")
    assert found["etc/motd"] == "hello"
    assert not [name for name in found if "/doc" in name or "locale" in name or "gconv" in name]
    with tarfile.open(tmp_path / "layer.tar") as archive:
        assert archive.getmember("usr/bin/sh").mode == 0o755  # nobody becomes root by it


def test_the_same_packages_are_the_same_bytes(tmp_path: Path) -> None:
    for number in (1, 2):
        root = system(tmp_path / f"root{number}")
        os.utime(root / "etc" / "motd", (number, number))
        debian.write_layer(root, tmp_path / f"{number}.tar")
    assert (tmp_path / "1.tar").read_bytes() == (tmp_path / "2.tar").read_bytes()


def test_images_share_a_layer(tmp_path: Path) -> None:
    program = tmp_path / "p"
    program.write_text("x")
    base = tmp_path / "base.tar"
    debian.write_layer(system(tmp_path / "root"), base)
    images = [
        Image(f"docker.io/a/{name}:1", {"opt/p": program}, ["/opt/p", name], base=base,
              environment={"A": "b"})
        for name in ("one", "two")
    ]  # fmt: skip
    write_bundle(images, tmp_path / "bundle.tar.gz", arch="amd64")
    with tarfile.open(
        fileobj=io.BytesIO(gzip.decompress((tmp_path / "bundle.tar.gz").read_bytes()))
    ) as archive:

        def blob(digest: str) -> bytes:
            found = archive.extractfile(f"blobs/sha256/{digest.partition(':')[2]}")
            assert found is not None
            return found.read()

        index = archive.extractfile("index.json")
        assert index is not None
        entries = json.load(index)["manifests"]
        manifests = [json.loads(blob(entry["digest"])) for entry in entries]
        first, second = (json.loads(blob(found["config"]["digest"])) for found in manifests)
        assert manifests[0]["layers"] == manifests[1]["layers"]
        assert blob(manifests[0]["layers"][0]["digest"]) == base.read_bytes()
    assert first["rootfs"] == second["rootfs"]
    assert len(first["rootfs"]["diff_ids"]) == len(first["history"]) == 2
    assert first["config"]["Env"] == ["PATH=/bin:/usr/bin:/sbin:/usr/sbin", "A=b"]
    assert second["config"]["Entrypoint"] == ["/opt/p", "two"]


def test_what_does_not_start_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "usr/lib/python3.11").mkdir(parents=True)
    with pytest.raises(WhisklabError, match=r"Python .* has no loader"):
        debian.compile_python(tmp_path)
    loader = tmp_path / "lib/x/ld-linux-x.so.1"
    loader.parent.mkdir(parents=True)
    loader.write_text("#!/bin/sh\necho 'no such library' >&2\nexit 1\n")
    loader.chmod(0o755)
    with pytest.raises(WhisklabError, match="no such library"):
        debian.compile_python(tmp_path)
