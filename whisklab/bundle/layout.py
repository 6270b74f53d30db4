"""The index of an OCI image layout, with the names that containerd gives its images. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable

from whisklab.images.manifests import OCI_INDEX, Index, Manifest

_NAME = "io.containerd.image.name"


def index(images: Iterable[tuple[Manifest | Index, str]]) -> bytes:
    """Return index.json of a layout.

    Args:
        images: the top of each, and its name, such as docker.io/library/busybox:1.36.
    """
    entries = [
        {
            "mediaType": top.media_type, "digest": top.digest, "size": len(top.data),
            "annotations": {_NAME: name},
        }
        for top, name in images
    ]  # fmt: skip
    found = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}
    return (json.dumps(found, indent=1, sort_keys=True) + "\n").encode()
