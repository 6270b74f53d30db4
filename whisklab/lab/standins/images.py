"""Container images made of plain files, as one OCI archive with the names k3s's bundle has."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO

from whisklab.lab.standins.debian import commands
from whisklab.lab.standins.layers import put_directory, put_file, put_link

_JSON = "application/vnd.oci.image"
_LAYER = f"{_JSON}.layer.v1.tar"
_PATH = {"PATH": "/bin:/usr/bin:/sbin:/usr/sbin"}


@dataclass(frozen=True)
class Image:
    """One image: a layer of files, on top of another one or of nothing.

    Attributes:
        name: the full name, with registry and tag.
        files: path in the image to a file outside; all become executable.
        links: path in the image to what a symbolic link there says.
        base: a layer (.tar) below the files; images that share one are not larger together.
        environment: variables besides PATH.
        entrypoint: the command of a container.
        command: its arguments unless the pod gives others.
    """

    name: str
    files: Mapping[str, Path]
    entrypoint: Sequence[str]
    command: Sequence[str] = ()
    links: Mapping[str, str] | None = None
    base: Path | None = None
    environment: Mapping[str, str] = field(default_factory=dict)


def write_bundle(images: Sequence[Image], out: Path, *, arch: str) -> None:
    """Write an OCI archive (.tar.gz) with all images; the same input gives the same bytes."""
    blobs: dict[str, bytes] = {}
    shared = {image.base for image in images if image.base}
    bases = {base: _keep(blobs, base.read_bytes(), _LAYER) for base in shared}
    manifests = [_manifest(image, arch, blobs, bases) for image in images]
    index = {"schemaVersion": 2, "mediaType": f"{_JSON}.index.v1+json", "manifests": manifests}
    with (  # compressed fast: the network is a lab's
        out.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        _put(archive, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _put(archive, "index.json", _json(index))
        for digest, data in sorted(blobs.items()):
            _put(archive, f"blobs/sha256/{digest}", data)


def busybox_image(name: str, program: Path) -> Image:
    """Return an image of a static busybox, with all its commands."""
    links = {f"bin/{each}": "busybox" for each in commands(program)}
    return Image(name, {"bin/busybox": program}, [], ["sh"], links)


def _manifest(
    image: Image, arch: str, blobs: dict[str, bytes], bases: Mapping[Path, dict[str, Any]]
) -> dict[str, Any]:
    layers = [bases[image.base]] if image.base else []
    layers.append(_keep(blobs, _layer(image), _LAYER))
    environment = _PATH | dict(image.environment)
    config = {
        "architecture": arch,
        "os": "linux",
        "config": {
            "Entrypoint": list(image.entrypoint),
            "Cmd": list(image.command),
            "Env": [f"{name}={value}" for name, value in environment.items()],
        },
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"] for layer in layers]},
        "history": [{"created_by": "whisklab"}] * len(layers),
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_JSON}.manifest.v1+json",
        "config": _keep(blobs, _json(config), f"{_JSON}.config.v1+json"),
        "layers": layers,
    }
    entry = _keep(blobs, _json(manifest), f"{_JSON}.manifest.v1+json")
    entry["platform"] = {"architecture": arch, "os": "linux"}
    entry["annotations"] = {
        "io.containerd.image.name": image.name,
        "org.opencontainers.image.ref.name": image.name.rpartition(":")[2],
    }
    return entry


def _keep(blobs: dict[str, bytes], data: bytes, media_type: str) -> dict[str, Any]:
    digest = hashlib.sha256(data).hexdigest()
    blobs[digest] = data
    return {"mediaType": media_type, "digest": f"sha256:{digest}", "size": len(data)}


def _layer(image: Image) -> bytes:
    links = image.links or {}
    directories = {str(up) for path in [*image.files, *links] for up in Path(path).parents}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as layer:
        for path in sorted({*directories - {"."}, *image.files, *links, "tmp"}):
            if path in image.files:
                put_file(layer, path, image.files[path].read_bytes())
            elif path in links:
                put_link(layer, path, links[path])
            else:
                put_directory(layer, path, 0o1777 if path == "tmp" else 0o755)
    return buffer.getvalue()


def _put(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    stream: BinaryIO = io.BytesIO(data)
    archive.addfile(entry, stream)


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
