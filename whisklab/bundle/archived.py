"""Images that archives of the catalogue hold already: these need not be fetched from a registry."""

from __future__ import annotations

import json
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from whisklab.bundle.names import ImageName, matched
from whisklab.bundle.pulling import Wanted
from whisklab.errors import BadInput

_NAME, _INDEX, _DOCKER = "io.containerd.image.name", "index.json", "manifest.json"
_READABLE = (tarfile.TarError, EOFError, OSError, zlib.error, ValueError, AttributeError)


def names(path: Path) -> set[ImageName]:
    """Return the images of an archive by their names; none of one without names.

    Raises:
        BadInput: it cannot be read.
    """
    try:
        with tarfile.open(path) as archive:
            documents = {each.name.removeprefix("./"): each for each in archive}
            for name, named in ((_INDEX, _of_layout), (_DOCKER, _of_docker)):
                file = archive.extractfile(documents[name]) if name in documents else None
                if file is not None:
                    texts = named(json.loads(file.read()))
                    return {found for text in texts if (found := matched(text))}
    except _READABLE as error:
        raise BadInput(
            f"{path}: is no archive of images that can be read ({type(error).__name__}): save the "
            "images as a tar, plain or by gzip, and enter that in the catalogue"
        ) from error
    return set()


def _of_layout(index: dict[str, Any]) -> Iterator[str]:
    for each in index.get("manifests") or []:
        yield str((each.get("annotations") or {}).get(_NAME, ""))


def _of_docker(manifest: list[dict[str, Any]]) -> Iterator[str]:
    for each in manifest:
        yield from each.get("RepoTags") or []


def lacking(
    wanted: Iterable[Wanted], archives: Sequence[tuple[str, set[ImageName]]]
) -> list[Wanted]:
    """Return the images that archives do not hold, for the architectures that lack. Pure.

    Args:
        wanted: images.
        archives: architecture and images of each.
    """
    found = []
    for each in wanted:
        there = {architecture for architecture, held in archives if each.name in held}
        left = tuple(one for one in each.architectures if one not in there)
        if left:
            found.append(Wanted(each.name, left, each.users))
    return found
