"""Manifests of images and what they refer to. Pure."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from whisklab.errors import BadInput
from whisklab.images.names import is_digest

DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"
DOCKER_LAYER = "application/vnd.docker.image.rootfs.diff.tar"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_INDEX = "application/vnd.oci.image.index.v1+json"
INDEXES = (OCI_INDEX, DOCKER_LIST)
ACCEPTED = (OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST)
LARGEST = 4 << 20  # bytes of a manifest; distribution takes no larger one (handlers/manifests.go)
UNKNOWN = "unknown"  # the platform of what is no image, such as an attestation of buildx
_OLDEST = "application/vnd.docker.distribution.manifest.v1"
_FOREIGN = (
    "application/vnd.docker.image.rootfs.foreign.diff.tar",
    "application/vnd.oci.image.layer.nondistributable.",
)


@dataclass(frozen=True)
class Descriptor:
    """What a manifest says of something else: its kind, digest, size, platform, annotations.

    The platform is an architecture and the operating system.
    """

    media_type: str
    digest: str
    size: int
    architecture: str | None = None
    annotations: tuple[tuple[str, str], ...] = ()
    system: str | None = None

    def annotation(self, name: str) -> str:
        """Return an annotation, "" for none."""
        return dict(self.annotations).get(name, "")


@dataclass(frozen=True)
class Manifest:
    """A manifest of one image: its bytes, and its configuration and layers."""

    media_type: str
    data: bytes
    config: Descriptor
    layers: tuple[Descriptor, ...]

    @property
    def digest(self) -> str:
        """By which it is known."""
        return digest_of(self.data)

    @property
    def blobs(self) -> tuple[Descriptor, ...]:
        """Configuration and layers."""
        return (self.config, *self.layers)


@dataclass(frozen=True)
class Index:
    """An index of manifests, for several platforms: its bytes, and its entries."""

    media_type: str
    data: bytes
    entries: tuple[Descriptor, ...]

    @property
    def digest(self) -> str:
        """By which it is known."""
        return digest_of(self.data)


def digest_of(data: bytes) -> str:
    """Return the digest of some bytes."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def parse(what: str, data: bytes, media_type: str = "") -> Manifest | Index:
    """Return a manifest or an index.

    Args:
        what: how sentences call it.
        data: its bytes.
        media_type: what refers to it says it is; its own word comes first.

    Raises:
        BadInput: it is none, or of the oldest format.
    """
    found = _object(what, data)
    kind = str(found.get("mediaType") or media_type)
    if found.get("schemaVersion") == 1 or kind.startswith(_OLDEST):
        raise BadInput(
            f"{what}: is of the oldest format (schema 1), which neither the registry nor "
            "containerd takes: build the image again"
        )
    if "manifests" in found:
        index = kind if kind in INDEXES else OCI_INDEX
        return Index(index, data, tuple(_descriptors(what, found["manifests"])))
    if "config" not in found:
        raise BadInput(f"{what}: is no manifest of an image ({kind or 'of unknown kind'})")
    (config,) = _descriptors(what, [found["config"]])
    layers = tuple(_descriptors(what, found.get("layers") or []))
    return Manifest(kind if kind in ACCEPTED else OCI_MANIFEST, data, config, layers)


def require_copyable(what: str, manifest: Manifest) -> None:
    """Do nothing if all layers of an image may be passed on.

    Raises:
        BadInput: one may not: its licence forbids it, and the registry refuses it by itself.
    """
    foreign = (each for each in manifest.layers if each.media_type.startswith(_FOREIGN))
    if (found := next(foreign, None)) is not None:
        raise BadInput(
            f"{what}: the layer {found.digest} may not be passed on (its kind is "
            f"{found.media_type}): build the image on a base that may"
        )


def architecture_of(config: bytes) -> str | None:
    """Return the architecture that an image's configuration names, None for none."""
    try:
        found = json.loads(config)
    except ValueError:
        return None
    name = found.get("architecture") if isinstance(found, dict) else None
    return name if isinstance(name, str) and name else None


def _object(what: str, data: bytes) -> dict[str, Any]:
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise BadInput(f"{what}: expected a JSON object: the file is damaged")
    return found


def _descriptors(what: str, found: object) -> list[Descriptor]:
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise BadInput(f"{what}: is no manifest of an image: its parts are missing")
    return [_descriptor(what, each) for each in found]


def _descriptor(what: str, found: Mapping[str, Any]) -> Descriptor:
    digest, size = found.get("digest"), found.get("size")
    if not isinstance(digest, str) or not is_digest(digest):
        raise BadInput(f"{what}: refers to {digest}: expected a digest of SHA-256")
    if not isinstance(size, int) or size < 0:
        raise BadInput(f"{what}: says no size of {digest}")
    platform = found.get("platform")
    named = platform if isinstance(platform, dict) else {}
    architecture, system = named.get("architecture"), named.get("os")
    notes = found.get("annotations")
    pairs = notes.items() if isinstance(notes, dict) else ()
    return Descriptor(
        str(found.get("mediaType") or ""), digest, size,
        architecture if isinstance(architecture, str) else None,
        tuple((str(key), str(value)) for key, value in pairs),
        system if isinstance(system, str) else None,
    )  # fmt: skip
