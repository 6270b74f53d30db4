"""Container images made of plain files, as one OCI archive with the names k3s's bundle has."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from whisklab.errors import WhisklabError

_JSON = "application/vnd.oci.image"


@dataclass(frozen=True)
class Image:
    """One image of a single layer.

    Attributes:
        name: the full name, with registry and tag.
        files: path in the image to a file outside; all become executable.
        links: path in the image to what a symbolic link there says.
        entrypoint: the command of a container.
        command: its arguments unless the pod gives others.
    """

    name: str
    files: Mapping[str, Path]
    entrypoint: Sequence[str]
    command: Sequence[str] = ()
    links: Mapping[str, str] | None = None


def write_bundle(images: Sequence[Image], out: Path, *, arch: str) -> None:
    """Write an OCI archive (.tar.gz) with all images; the same input gives the same bytes."""
    blobs: dict[str, bytes] = {}
    manifests = [_manifest(image, arch, blobs) for image in images]
    index = {"schemaVersion": 2, "mediaType": f"{_JSON}.index.v1+json", "manifests": manifests}
    with (
        out.open("wb") as raw,
        gzip.GzipFile(filename="", mode="wb", fileobj=raw, compresslevel=6, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as archive,
    ):
        _put(archive, "oci-layout", b'{"imageLayoutVersion":"1.0.0"}')
        _put(archive, "index.json", _json(index))
        for digest, data in sorted(blobs.items()):
            _put(archive, f"blobs/sha256/{digest}", data)


def debian_busybox(work: Path) -> Path:
    """Unpack Debian's static busybox below ``work``; needs no root and installs nothing.

    Raises:
        WhisklabError: apt could not fetch it.
    """
    room = work / "busybox"
    room.mkdir()
    try:
        _run(room, "apt-get", "download", "busybox-static")
    except WhisklabError:
        if os.geteuid() != 0:
            raise
        _run(room, "apt-get", "update")  # a fresh machine has no lists yet
        _run(room, "apt-get", "download", "busybox-static")
    _run(room, "dpkg-deb", "-x", *(str(package) for package in room.glob("*.deb")), str(room))
    found = room / "bin" / "busybox"
    usr = room / "usr" / "bin" / "busybox"  # where newer Debians have it
    return found if found.is_file() else usr


def _run(room: Path, *argv: str) -> None:
    try:
        done = subprocess.run(argv, cwd=room, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise WhisklabError(f"{argv[0]} is needed to get busybox-static: {error}") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise WhisklabError(
            f"busybox-static could not be fetched ({argv[0]}: {last}): try `sudo apt-get update`"
        )


def _manifest(image: Image, arch: str, blobs: dict[str, bytes]) -> dict[str, Any]:
    layer = _layer(image)
    config = {
        "architecture": arch,
        "os": "linux",
        "config": {
            "Entrypoint": list(image.entrypoint),
            "Cmd": list(image.command),
            "Env": ["PATH=/bin:/usr/bin:/sbin:/usr/sbin"],
        },
        "rootfs": {"type": "layers", "diff_ids": [f"sha256:{hashlib.sha256(layer).hexdigest()}"]},
        "history": [{"created_by": "whisklab"}],
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": f"{_JSON}.manifest.v1+json",
        "config": _keep(blobs, _json(config), f"{_JSON}.config.v1+json"),
        "layers": [_keep(blobs, layer, f"{_JSON}.layer.v1.tar")],
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
            entry = tarfile.TarInfo(path)
            entry.mode = 0o755
            if path in image.files:
                data = image.files[path].read_bytes()
                entry.size = len(data)
                layer.addfile(entry, io.BytesIO(data))
            elif path in links:
                entry.type, entry.linkname = tarfile.SYMTYPE, links[path]
                layer.addfile(entry)
            else:
                entry.type, entry.mode = tarfile.DIRTYPE, 0o1777 if path == "tmp" else 0o755
                layer.addfile(entry)
    return buffer.getvalue()


def _put(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(data)
    stream: BinaryIO = io.BytesIO(data)
    archive.addfile(entry, stream)


def _json(value: object) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()
