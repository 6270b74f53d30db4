"""Images made for tests, in each form that a source may have."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import random
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OCI = "application/vnd.oci.image"
MANIFEST, INDEX = f"{OCI}.manifest.v1+json", f"{OCI}.index.v1+json"


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def layer(seed: int, size: int) -> bytes:
    """A layer with one file of bytes that no compression makes smaller."""
    content = random.Random(seed).randbytes(size)  # noqa: S311  the same each time
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(f"file-{seed}")
        entry.size = size
        archive.addfile(entry, io.BytesIO(content))
    return buffer.getvalue()


def config(layers: Sequence[bytes], architecture: str = "amd64") -> bytes:
    return json.dumps({
        "architecture": architecture, "os": "linux", "config": {},
        "rootfs": {"type": "layers", "diff_ids": [digest(each) for each in layers]},
    }).encode()  # fmt: skip


def entry(kind: str, data: bytes, **more: Any) -> dict[str, Any]:
    return {"mediaType": kind, "digest": digest(data), "size": len(data), **more}


@dataclass(frozen=True)
class Made:
    """An image of one platform: its manifest, and its blobs by digest."""

    manifest: bytes
    blobs: Mapping[str, bytes]
    architecture: str

    @property
    def digest(self) -> str:
        return digest(self.manifest)

    def entry(self, **more: Any) -> dict[str, Any]:
        platform = {"architecture": self.architecture, "os": "linux"}
        return entry(MANIFEST, self.manifest, platform=platform, **more)


def image(layers: Sequence[bytes], architecture: str = "amd64") -> Made:
    """An OCI image whose layers are not compressed."""
    head = config(layers, architecture)
    manifest = json.dumps({
        "schemaVersion": 2, "mediaType": MANIFEST,
        "config": entry(f"{OCI}.config.v1+json", head),
        "layers": [entry(f"{OCI}.layer.v1.tar", each) for each in layers],
    }).encode()  # fmt: skip
    return Made(manifest, {digest(each): each for each in (head, *layers)}, architecture)


def layout(
    tops: Sequence[tuple[Mapping[str, Any], str]], blobs: Mapping[str, bytes]
) -> dict[str, bytes]:
    """The files of an OCI layout: entries of index.json with their names, and blobs."""
    manifests = [
        {**top, "annotations": {"io.containerd.image.name": name} if name else {}}
        for top, name in tops
    ]
    index = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
    return {
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        "index.json": json.dumps(index).encode(),
        **{f"blobs/{key.replace(':', '/')}": data for key, data in blobs.items()},
    }


def single(made: Made, name: str = "") -> dict[str, bytes]:
    """The files of a layout with one image."""
    return layout([(made.entry(), name)], {**made.blobs, made.digest: made.manifest})


def several(
    children: Sequence[Made], name: str, left_out: Sequence[Made] = ()
) -> tuple[dict[str, bytes], bytes]:
    """The files of a layout with an index, each child with a proof; and the index."""
    entries: list[dict[str, Any]] = []
    blobs: dict[str, bytes] = {}
    for child in children:
        proof = image([b"proof of " + child.digest.encode()], "unknown")
        note = {"vnd.docker.reference.digest": child.digest}
        entries += [child.entry(), proof.entry(annotations=note)]
        for each in (child, proof):
            if child not in left_out:
                blobs |= {**each.blobs, each.digest: each.manifest}
    index = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}).encode()
    return layout([(entry(INDEX, index), name)], {**blobs, digest(index): index}), index


def docker(
    layers: Sequence[bytes], names: Sequence[str], architecture: str = "amd64",
    *, packed: bool = False,
) -> dict[str, bytes]:  # fmt: skip
    """The files of an archive of `docker save` as it was before OCI layouts."""
    head = config(layers, architecture)
    stored = [gzip.compress(each, mtime=0) if packed else each for each in layers]
    files = {f"{number}/layer.tar": data for number, data in enumerate(stored)}
    described = [
        {"Config": "config.json", "RepoTags": list(names), "Layers": list(files)}
    ]  # fmt: skip
    return {**files, "config.json": head, "manifest.json": json.dumps(described).encode()}


def written(path: Path, files: Mapping[str, bytes], *, packed: bool = False) -> Path:
    """Write files as an archive, or as a directory where the path has no suffix."""
    if not path.suffix:
        for name, data in files.items():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            (path / name).write_bytes(data)
        return path
    with (
        tarfile.open(path, "w:gz" if packed else "w", compresslevel=1)
        if packed
        else (tarfile.open(path, "w")) as archive
    ):
        for name, data in files.items():
            found = tarfile.TarInfo(name)
            found.size = len(data)
            archive.addfile(found, io.BytesIO(data))
    return path
