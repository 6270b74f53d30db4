"""Images of an archive of `docker save`, in its old form: manifest.json, and files by any name.

Such an archive has no manifest of a registry: one is made, always the same for the same image.
Layers are sent as they are there.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from typing import Any

from whisklab.errors import BadInput
from whisklab.images.image import Image
from whisklab.images.manifests import (
    DOCKER_CONFIG,
    DOCKER_LAYER,
    DOCKER_MANIFEST,
    Descriptor,
    Manifest,
    architecture_of,
)
from whisklab.images.sources import GZIP, Source

MANIFEST = "manifest.json"
_GZIP_WINDOW = 16 + zlib.MAX_WBITS  # zlib's way to say that it is gzip's format


def images(source: Source) -> list[Image]:
    """Return the images of an archive.

    Raises:
        BadInput: something that it promises is not there, or is another thing.
    """
    try:
        found = json.loads(source.document(MANIFEST))
        entries = [(each["Config"], each.get("RepoTags") or [], each["Layers"]) for each in found]
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise BadInput(f"{source.label}: {MANIFEST} is damaged ({error})") from error
    if not entries:
        raise BadInput(f"{source.label}: holds no image")
    return [_image(source, *each) for each in entries]


def _image(source: Source, config: str, names: list[str], layers: list[str]) -> Image:
    what = names[0] if names else config
    missing = [each for each in (config, *layers) if not source.has(each)]
    if missing:
        raise BadInput(f"{source.label}: {what}: {missing[0]} is not in it: save the image again")
    data = source.document(config)
    promised = _promised(source, what, data)
    if len(promised) != len(layers):
        raise BadInput(
            f"{source.label}: {what}: has {len(layers)} layers, and its configuration names "
            f"{len(promised)}: save the image again"
        )
    kinds = [_kind(source, what, *each) for each in zip(layers, promised, strict=True)]
    described = _described(DOCKER_CONFIG, source, config)
    parts = [_described(kind, source, name) for kind, name in zip(kinds, layers, strict=True)]
    manifest = _made(described, parts)
    named = zip((described, *parts), (config, *layers), strict=True)
    architecture = architecture_of(data)
    return Image(
        tuple(names), manifest, (manifest,), {each.digest: name for each, name in named},
        frozenset({architecture} if architecture else ()),
    )  # fmt: skip


def _promised(source: Source, what: str, config: bytes) -> list[str]:
    """Return the digests that an image's configuration names, of its layers unpacked."""
    try:
        found: Any = json.loads(config)["rootfs"]["diff_ids"]
        return [str(each) for each in found]
    except (ValueError, TypeError, KeyError) as error:
        raise BadInput(f"{source.label}: {what}: its configuration is damaged") from error


def _kind(source: Source, what: str, layer: str, promised: str) -> str:
    """Return the kind of a layer, once it is what the configuration names."""
    if f"sha256:{source.sha256(layer)}" == promised:
        return DOCKER_LAYER
    if next(source.read(layer, 0), b"").startswith(GZIP) and _unpacked(source, layer) == promised:
        return f"{DOCKER_LAYER}.gzip"
    raise BadInput(
        f"{source.label}: {what}: the layer {layer} is not {promised}, which the configuration "
        "names: save the image again"
    )


def _unpacked(source: Source, layer: str) -> str:
    inflate, digest = zlib.decompressobj(_GZIP_WINDOW), hashlib.sha256()
    try:
        for data in source.read(layer, 0):
            digest.update(inflate.decompress(data))
        digest.update(inflate.flush())
    except zlib.error:
        return ""
    return f"sha256:{digest.hexdigest()}"


def _described(kind: str, source: Source, name: str) -> Descriptor:
    return Descriptor(kind, f"sha256:{source.sha256(name)}", source.size(name))


def _made(config: Descriptor, layers: list[Descriptor]) -> Manifest:
    def entry(each: Descriptor) -> dict[str, str | int]:
        return {"mediaType": each.media_type, "size": each.size, "digest": each.digest}

    data = json.dumps({
        "schemaVersion": 2, "mediaType": DOCKER_MANIFEST, "config": entry(config),
        "layers": [entry(each) for each in layers],
    }).encode()  # fmt: skip
    return Manifest(DOCKER_MANIFEST, data, config, tuple(layers))
